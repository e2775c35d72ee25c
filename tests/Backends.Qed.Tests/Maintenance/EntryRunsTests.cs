namespace QedVd.Backends.Qed.Tests.Maintenance;

public sealed class EntryRunsTests
{
    [Fact]
    public void Ascending_EndsWhereTheStrideBreaks_AtEveryLength()
    {
        for (int length = 1; length < 40; length++)
        {
            for (int good = 1; good <= length; good++)
            {
                ulong[] entries = new ulong[length + 1];
                for (int i = 0; i < length; i++)
                {
                    entries[i + 1] = 65536 * (ulong)(i < good ? i + 5 : i + 6);
                }

                Assert.Equal(good, EntryRuns.Ascending(entries, 1, 65536));
            }
        }
    }

    [Fact]
    public void Ascending_RunThatWrapsAround_IsOneRun_WithoutAnError()
    {
        Assert.Equal(2, EntryRuns.Ascending([ulong.MaxValue - 4095, 0, 1], 0, 4096));
    }

    [Fact]
    public void Same_EndsAtTheFirstOtherValue()
    {
        Assert.Equal(3, EntryRuns.Same([9, 1, 1, 1, 0], 1, 1));
        Assert.Equal(4, EntryRuns.Same([9, 1, 1, 1, 1], 1, 1));
    }
}
