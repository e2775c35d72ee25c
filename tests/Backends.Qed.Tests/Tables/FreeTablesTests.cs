namespace QedVd.Backends.Qed.Tests.Tables;

/// <summary>Clusters of 4 KiB and tables of one: an L1 entry is for 2 MiB of the disk, a slice of L1 for 512 of them.</summary>
public sealed class FreeTablesTests
{
    private const long PerEntry = 2 << 20;

    private static readonly QedGeometry s_geometry = new(12, 0);

    [Fact]
    public void NothingIsKnown_BeforeASliceIsLoaded()
    {
        FreeTables free = new(s_geometry, 1000);

        Assert.False(free.Covers(0, 1));
        Assert.False(free.Covers(999 * PerEntry, PerEntry));
    }

    [Fact]
    public void EachEntryOfALoadedSlice_IsKnown_ForRangesUnderItAlone()
    {
        FreeTables free = new(s_geometry, 1000);
        Random random = new(1);
        ulong[] entries = new ulong[TablePage.EntryCount];
        for (int i = 0; i < entries.Length; i++)
        {
            entries[i] = random.Next(3) switch { 0 => SliceEntry.Invalid, 1 => (ulong)(i + 1) << 12, _ => SliceEntry.Unallocated };
        }

        free.Note(1, entries);

        for (int i = 0; i < entries.Length; i++)
        {
            long offset = (512 + i) * PerEntry;
            bool isFree = entries[i] == SliceEntry.Unallocated;
            Assert.Equal(isFree, free.Covers(offset, PerEntry));
            Assert.Equal(isFree, free.Covers(offset, 1));
            Assert.Equal(isFree, free.Covers(offset + PerEntry - 1, 1));
            Assert.False(free.Covers(offset, PerEntry + 1));
            Assert.False(free.Covers(offset + PerEntry - 1, 2));
        }

        Assert.False(free.Covers(511 * PerEntry, 1));
        Assert.False(free.Covers(1024 * PerEntry, 1));
    }

    [Fact]
    public void LoadingASlice_TellsNothingOfItsNeighbours()
    {
        FreeTables free = new(s_geometry, 1536);

        free.Note(1, new ulong[TablePage.EntryCount]);

        Assert.False(free.Covers(511 * PerEntry, PerEntry));
        Assert.True(free.Covers(512 * PerEntry, PerEntry));
        Assert.True(free.Covers(1023 * PerEntry, PerEntry));
        Assert.False(free.Covers(1024 * PerEntry, PerEntry));
    }

    [Fact]
    public void LoadingASliceAgain_ForgetsWhatWasFree()
    {
        FreeTables free = new(s_geometry, 512);
        free.Note(0, new ulong[TablePage.EntryCount]);
        ulong[] taken = new ulong[TablePage.EntryCount];
        taken[70] = 4096;

        free.Note(0, taken);

        Assert.False(free.Covers(70 * PerEntry, 1));
        Assert.True(free.Covers(69 * PerEntry, 1));
        Assert.True(free.Covers(71 * PerEntry, 1));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(63)]
    [InlineData(64)]
    [InlineData(511)]
    public void TableThatIsMade_IsNotFreeAnyMore_AndAllOthersAre(int l1Index)
    {
        FreeTables free = new(s_geometry, 512);
        free.Note(0, new ulong[TablePage.EntryCount]);

        free.Remove(l1Index);

        Assert.All(Enumerable.Range(0, 512), i => Assert.Equal(i != l1Index, free.Covers(i * PerEntry, PerEntry)));
    }

    [Fact]
    public void LargestL1ThatIsFollowed_HasABitForEveryEntry_AndALargerOneNone()
    {
        FreeTables largest = new(s_geometry, 1 << 17);
        FreeTables larger = new(s_geometry, (1 << 17) + 1);
        ulong[] empty = new ulong[TablePage.EntryCount];

        largest.Note(255, empty);
        larger.Note(0, empty);
        larger.Note(255, empty);
        larger.Remove(0);

        Assert.True(largest.Covers(((1L << 17) - 1) * PerEntry, PerEntry));
        Assert.False(larger.Covers(0, 1));
        Assert.False(larger.Covers(255 * 512 * PerEntry, 1));
    }

    [Fact]
    public void WhatLiesBehindTheDisk_IsNotNoted()
    {
        FreeTables free = new(s_geometry, 512);

        free.Note(1, new ulong[TablePage.EntryCount]);
        free.Remove(512);

        Assert.False(free.Covers(512 * PerEntry, 1));
        Assert.False(free.Covers(0, 1));
    }
}
