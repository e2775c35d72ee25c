namespace QedVd.Host.Tests.Chains;

public sealed class MemoTableTests
{
    [Fact]
    public void WhatWasNeverRemembered_IsNegative()
    {
        var memo = new MemoTable(100, 16);

        Assert.Equal(-1, memo.Get(0));
        memo.Set(3, 7);
        Assert.Equal(-1, memo.Get(0));
        Assert.Equal(7, memo.Get(3));
    }

    [Fact]
    public void EachOfFewNumbers_HasAPlaceOfItsOwn()
    {
        var memo = new MemoTable(100, 1 << 17);
        for (int i = 0; i < 100; i++)
        {
            memo.Set(i, i % 5 == 0 ? MemoTable.MaxLevel : i);
        }

        Assert.All(Enumerable.Range(0, 100), i => Assert.Equal(i % 5 == 0 ? MemoTable.MaxLevel : i, memo.Get(i)));
        Assert.Equal(-1, memo.Get(100));
    }

    [Fact]
    public void WhatDoesNotFit_PushesOutWhatHadItsPlace()
    {
        var memo = new MemoTable(1L << 40, 16);
        memo.Set(5, 1);
        memo.Set(6, 2);

        memo.Set(5 + (3L << 32), 3);

        Assert.Equal(-1, memo.Get(5));
        Assert.Equal(3, memo.Get(5 + (3L << 32)));
        Assert.Equal(2, memo.Get(6));
        Assert.Equal(-1, memo.Get(6 + 16));
    }

    [Fact]
    public void NothingIsRemembered_OfWhatIsNotKnown()
    {
        var memo = new MemoTable(0, 16);
        memo.Set(0, 4);

        memo.Set(0, -1);

        Assert.Equal(4, memo.Get(0));
        memo.Set(0, 0);
        Assert.Equal(0, memo.Get(0));
    }
}
