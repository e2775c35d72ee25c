namespace QedVd.Backends.Qed.Tests.Tables;

public sealed class TouchedSlicesTests
{
    private readonly TablePool _pool = new(8192L * TablePage.SizeBytes);
    private readonly TouchedSlices _touched = new();

    [Fact]
    public void ChangedSlices_AreKnown_UntilAllIsProvenAnew()
    {
        Assert.False(_touched.MayContain(1));

        _touched.Add(1, PageWithInvalid());
        _touched.Add(-3);

        Assert.True(_touched.MayContain(1));
        Assert.True(_touched.MayContain(-3));
        Assert.False(_touched.MayContain(2));
        Assert.False(_touched.MayContain(-2));
        _touched.Reset();
        Assert.False(_touched.MayContain(1));
        Assert.False(_touched.MayContain(-3));
    }

    [Fact]
    public void ManyChangedSlices_AreAllKnown_AndHardlyAnyOther()
    {
        Random random = new(1);
        long[] keys = [.. Enumerable.Range(0, 500).Select(_ => random.NextInt64(1L << 43))];
        foreach (long key in keys)
        {
            _touched.Add(key);
        }

        Assert.All(keys, key => Assert.True(_touched.MayContain(key)));
        Assert.InRange(Enumerable.Range(0, 10_000).Count(_ => _touched.MayContain(random.NextInt64(1L << 43))), 1, 200);
    }

    [Fact]
    public void DamagedEntries_StayDamaged_AndNoOthers()
    {
        _touched.Add(4, PageWithInvalid(0, 127, 128, 300, 511));
        _touched.Add(5, PageWithInvalid(9));

        Assert.Equal([0, 127, 128, 300, 511], DamagedIn(4));
        Assert.Equal([9], DamagedIn(5));
        Assert.Empty(DamagedIn(6));
    }

    [Theory]
    [InlineData(64, new[] { 64, 127 })]
    [InlineData(128, new[] { 128 })]
    [InlineData(256, new[] { 300 })]
    [InlineData(192, new int[0])]
    public void DamagedEntries_OfASector_AreCountedFromTheStartOfTheSlice(int first, int[] expected)
    {
        _touched.Add(4, PageWithInvalid(0, 64, 127, 128, 300, 511));

        Assert.Equal(expected, DamagedIn(4, first, 64));
    }

    [Fact]
    public void SliceWithoutDamage_ThatIsChanged_HasNone()
    {
        _touched.Add(4, PageWithInvalid());

        Assert.Empty(DamagedIn(4));
    }

    [Fact]
    public void DamageThatWasKnown_IsForgottenWhenAllIsProvenAnew()
    {
        _touched.Reset();
        _touched.Add(4, PageWithInvalid(3));

        _touched.Reset();

        Assert.Empty(DamagedIn(4));
    }

    [Fact]
    public void NoMoreThanSoManySlices_AreRememberedAsDamaged()
    {
        for (long key = 0; key < 4096; key++)
        {
            _touched.Add(key, PageWithInvalid(1));
        }

        _touched.Add(4096, PageWithInvalid(1));

        Assert.Equal([1], DamagedIn(0));
        Assert.Equal([1], DamagedIn(4095));
        Assert.Empty(DamagedIn(4096));
        Assert.True(_touched.MayContain(4096));
    }

    [Theory]
    [InlineData(0, new int[0])]
    [InlineData(1, new[] { 0 })]
    [InlineData(127, new[] { 0 })]
    [InlineData(128, new[] { 0, 127 })]
    [InlineData(129, new[] { 0, 127, 128 })]
    [InlineData(511, new[] { 0, 127, 128, 300 })]
    [InlineData(512, new[] { 0, 127, 128, 300, 511 })]
    [InlineData(4000, new[] { 0, 127, 128, 300, 511 })]
    [InlineData(-600, new int[0])]
    public void WhatLiesBehindTheNewEndOfTheDisk_IsMended_InL2AndInL1(int keptEntries, int[] expected)
    {
        const int L2Slice = 6;
        const int L1Slice = 2;
        long l1Key = SliceKey.ForL1(L1Slice * 512);
        _touched.Add(L2Slice, PageWithInvalid(0, 127, 128, 300, 511));
        _touched.Add(l1Key, PageWithInvalid(0, 127, 128, 300, 511));

        _touched.MendFrom((L2Slice * 512) + keptEntries, (L1Slice * 512) + 300);
        Assert.Equal(expected, DamagedIn(L2Slice));
        Assert.Equal([0, 127, 128], DamagedIn(l1Key));

        _touched.MendFrom(long.MaxValue, (L1Slice * 512) + keptEntries);
        Assert.Equal(expected, DamagedIn(L2Slice));
        Assert.Equal([.. expected.Where(index => index < 300)], DamagedIn(l1Key));
    }

    [Fact]
    public void Mending_WithoutDamage_IsNothing()
    {
        _touched.MendFrom(0, 0);

        Assert.Empty(DamagedIn(0));
    }

    private TablePage PageWithInvalid(params int[] invalid)
    {
        TablePage page = _pool.Rent(this, 0, mayExceed: true)!;
        page.Entries.Fill(4096);
        page.Entries[200] = SliceEntry.Zero;
        page.Entries[201] = SliceEntry.Unallocated;
        foreach (int index in invalid)
        {
            page.Entries[index] = SliceEntry.Invalid;
        }

        return page;
    }

    private int[] DamagedIn(long key, int first = 0, int count = TablePage.EntryCount)
    {
        ulong[] entries = new ulong[count];
        entries.AsSpan().Fill(8192);
        _touched.MarkDamaged(key, entries, first);
        Assert.All(entries, entry => Assert.True(entry is 8192 or SliceEntry.Invalid));
        return [.. Enumerable.Range(0, count).Where(i => entries[i] == SliceEntry.Invalid).Select(i => first + i)];
    }
}
