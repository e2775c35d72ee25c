using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Tables;

/// <summary>
/// Clusters of 4 KiB, tables of two: an L2 table is for 4 MiB of the disk, a slice of one for 2 MiB. What a lookup may say in one answer ends with what
/// it has in memory: a slice, or the sector that was read when the pool had no page.
/// </summary>
public sealed class TableMapTests
{
    private const int Cluster = 4096;
    private const int EntriesPerTable = 1024;
    private const int DiskTables = 1000;
    private const long PerTable = (long)EntriesPerTable * Cluster;

    private readonly QedImageBytes _bytes = new(new QedHeaderBytes { ImageSize = (ulong)((DiskTables * PerTable) - 512) });

    [Theory]
    [InlineData(512, 64)]
    [InlineData(64, 0)]
    public void Lookup_OfARandomTable_IsWhatItsEntriesSay_UpToTheEndOfWhatIsInMemory(int entriesInMemory, int poolPages)
    {
        ulong[] entries = MakeTable(new Random(1));
        using var map = new MapOverBytes(_bytes, poolPages);
        Random random = new(2);
        for (int i = 0; i < 3000; i++)
        {
            int index = random.Next(EntriesPerTable);
            int inCluster = random.Next(3) == 0 ? 0 : random.Next(Cluster);
            long length = random.Next(3) switch { 0 => 1, 1 => Cluster - inCluster, _ => random.NextInt64(1, PerTable - (index * (long)Cluster) - inCluster + 1) };
            MapRun expected = Expect(entries, index, inCluster, length, entriesInMemory);
            if (expected.LengthBytes == 0)
            {
                Assert.Throws<ImageException>(() => map.Lookup((index * (long)Cluster) + inCluster, length));
                continue;
            }

            Assert.Equal(expected, map.Lookup((index * (long)Cluster) + inCluster, length));
        }
    }

    [Fact]
    public void FreeTables_AreOneRun_UpToTheNextTable_TheEndOfTheSlice_OrTheDisk()
    {
        _bytes.AddUsualTable().SetL1(0, 0).SetL1(3, _bytes.At(3));
        using var map = new MapOverBytes(_bytes, poolPages: 64);
        const long Longest = DiskTables * PerTable;

        Assert.Equal(new MapRun(ExtentKind.Free, 3 * PerTable), map.Lookup(0, Longest));
        Assert.Equal(new MapRun(ExtentKind.Free, (2 * PerTable) - 5), map.Lookup(PerTable + 5, Longest));
        Assert.Equal(new MapRun(ExtentKind.Free, 508 * PerTable), map.Lookup(4 * PerTable, Longest));
        Assert.Equal(new MapRun(ExtentKind.Free, (DiskTables - 512) * PerTable), map.Lookup(512 * PerTable, Longest));
        Assert.Equal(new MapRun(ExtentKind.Free, PerTable), map.Lookup(511 * PerTable, Longest));
        foreach (long length in new[] { 1, PerTable - 6, PerTable - 5, PerTable - 4, (2 * PerTable) - 6, (2 * PerTable) - 5 })
        {
            Assert.Equal(new MapRun(ExtentKind.Free, length), map.Lookup(PerTable + 5, length));
        }
    }

    [Fact]
    public void FreeTables_SeenInASectorOfL1_EndWithIt()
    {
        _bytes.SetL1(70, _bytes.At(3)).SetClusters(5);
        using var map = new MapOverBytes(_bytes, poolPages: 0);

        Assert.Equal(new MapRun(ExtentKind.Free, 64 * PerTable), map.Lookup(0, DiskTables * PerTable));
        Assert.Equal(new MapRun(ExtentKind.Free, 6 * PerTable), map.Lookup(64 * PerTable, DiskTables * PerTable));
        Assert.Equal(new MapRun(ExtentKind.Free, 57 * PerTable), map.Lookup(71 * PerTable, DiskTables * PerTable));
        Assert.Equal(ExtentKind.Free, map.Lookup(70 * PerTable, 1).Kind);
        Assert.Equal(new MapRun(ExtentKind.Free, 64 * Cluster), map.Lookup(70 * PerTable, PerTable));
    }

    [Fact]
    public void WhatIsInMemory_IsFoundWithoutAsking_AndNothingElse()
    {
        _bytes.SetClusters(6).SetL1(0, _bytes.At(3)).SetL2(3, 0, _bytes.At(5));
        using var map = new MapOverBytes(_bytes, poolPages: 64);
        Assert.False(map.TryLookup(0, 1, out MapRun run));
        Assert.Equal(default, run);

        map.Lookup(PerTable, 1);
        Assert.True(map.TryLookup(2 * PerTable, 100, out run));
        Assert.Equal(new MapRun(ExtentKind.Free, 100), run);
        Assert.False(map.TryLookup(0, 1, out run));
        Assert.Equal(default, run);
        Assert.False(map.TryLookup(600 * PerTable, 1, out _));

        MapRun first = map.Lookup(0, 1);
        Assert.True(map.TryLookup(0, 1, out run));
        Assert.Equal(first, run);
        Assert.False(map.TryLookup(512 * Cluster, 1, out _));
        Assert.False(map.TryLookup(DiskTables * PerTable, 1, out _));
    }

    [Fact]
    public void OffsetBehindTheDisk_IsRefusedByName()
    {
        using var map = new MapOverBytes(_bytes, poolPages: 64);

        ArgumentOutOfRangeException refusal = Assert.Throws<ArgumentOutOfRangeException>(() => map.Lookup(DiskTables * PerTable, 7));

        Assert.StartsWith($"7 bytes at {DiskTables * PerTable} are not inside the disk of {(DiskTables * PerTable) - 512} bytes any more.", refusal.Message, StringComparison.Ordinal);
        Assert.Equal("offset", refusal.ParamName);
    }

    [Theory]
    [InlineData(64)]
    [InlineData(0)]
    public void InvalidEntries_AreNamedWithTheirPlace_TheirValue_AndTheReason(int poolPages)
    {
        // Tables at the clusters 3 and 5 (L1 entries 0 and 600), the file ends at 7.
        _bytes.SetClusters(7).SetL1(0, _bytes.At(3)).SetL1(600, _bytes.At(5)).SetL1(601, 4097).SetL1(602, _bytes.At(1)).SetL1(603, _bytes.At(6));
        _bytes.SetL2(3, 5, 2).SetL2(3, 700, _bytes.At(6)).SetL2(5, 0, _bytes.At(7)).SetL2(5, 1, _bytes.At(2));
        using var map = new MapOverBytes(_bytes, poolPages);
        map.Lookup(0, 1);
        Assert.Equal(ExtentKind.Free, map.Lookup((600 * PerTable) + (3 * Cluster), 1).Kind);

        AssertInvalid(map, 5 * Cluster, "L2 entry of disk cluster 5", (3 * Cluster) + 40, 2, "no multiple of the cluster size 4096");
        AssertInvalid(map, 700 * Cluster, "L2 entry of disk cluster 700", (3 * Cluster) + 5600, 6 * Cluster, "inside an L2 table");
        AssertInvalid(map, 600 * PerTable, "L2 entry of disk cluster 614400", 5 * Cluster, 7 * Cluster, "not inside the file, whose last whole cluster ends at 28672");
        AssertInvalid(map, (600 * PerTable) + Cluster, "L2 entry of disk cluster 614401", (5 * Cluster) + 8, 2 * Cluster, "inside the L1 table at 4096 to 12288");
        AssertInvalid(map, 601 * PerTable, "L1 entry 601", Cluster + (601 * 8), 4097, "no multiple of the cluster size 4096");

        // A cluster of data might lie there, a table has two.
        AssertInvalid(map, 603 * PerTable, "L1 entry 603", Cluster + (603 * 8), 6 * Cluster, "not inside the file, whose last whole cluster ends at 28672");
        AssertInvalid(map, 602 * PerTable, "L1 entry 602", Cluster + (602 * 8), Cluster, "inside the L1 table at 4096 to 12288");
    }

    [Theory]
    [InlineData(64)]
    [InlineData(0)]
    public void EntryBeyondTheEndThatTheFileHad_IsNamedSo_AlsoWhenTheFileHasGrown(int poolPages)
    {
        _bytes.SetClusters(5).SetL1(0, _bytes.At(3)).SetL2(3, 0, _bytes.At(6));
        using var map = new MapOverBytes(_bytes, poolPages);
        Assert.Equal(0, SyncIo.Complete(map.Map.LookupTableAsync<SyncIo>(1, default)));
        Assert.Equal(3 * Cluster, SyncIo.Complete(map.Map.LookupTableAsync<SyncIo>(0, default)));
        map.Lookup(Cluster, 1);
        Assert.Throws<ImageException>(() => map.Lookup(0, 1));

        // The slice was changed since: what it names may be new.
        map.Touched.Add(0);
        map.Allocator.Reserve(2);

        ImageException failure = SyncIo.Complete(map.Cache.InvalidEntryAsync<SyncIo>(0, 3 * Cluster, 0, default));
        Assert.Equal("a.qed: L2 entry of disk cluster 0 (at 12288) is 24576: beyond 20480, where the file ended when it was opened; check the image and repair it.", failure.Message);
    }

    [Fact]
    public void TableThatTheFileHasLostMeanwhile_IsTruncated()
    {
        _bytes.SetClusters(5).SetL1(0, _bytes.At(3));
        using var map = new MapOverBytes(_bytes, poolPages: 64);
        using var small = new MapOverBytes(_bytes, poolPages: 0);
        map.Lookup(PerTable, 1);
        _bytes.SetLength((3 * Cluster) + 100);

        ImageException failure = Assert.Throws<ImageException>(() => map.Lookup(0, 1));
        Assert.Equal(
            (ImageErrorKind.Io, "a.qed: the file is truncated: a table needs 4096 bytes at 12288, and the file has 12388.", "read", 12288L),
            (failure.Kind, failure.Message, failure.Operation, failure.OffsetBytes));
        Assert.Equal("a.qed: the file is truncated: a table needs 512 bytes at 12800, and the file has 12388.", Assert.Throws<ImageException>(() => small.Lookup(64 * Cluster, 1)).Message);
        Assert.Equal(1, map.Pool.PagesInUse);
    }

    [Fact]
    public void ClearedCache_ReadsAgain()
    {
        _bytes.SetClusters(5).SetL1(0, _bytes.At(3));
        using var map = new MapOverBytes(_bytes, poolPages: 64);
        map.Lookup(0, 1);
        Assert.Equal(2, map.Pool.PagesInUse);
        int reads = _bytes.File.CountOf(StorageOperationKind.Read);
        map.Lookup(Cluster, 1);
        Assert.Equal(reads, _bytes.File.CountOf(StorageOperationKind.Read));

        map.Cache.Clear();

        Assert.Equal(0, map.Pool.PagesInUse);
        Assert.False(map.TryLookup(0, 1, out _));
        map.Lookup(Cluster, 1);
        Assert.Equal(reads + 2, _bytes.File.CountOf(StorageOperationKind.Read));
    }

    [Fact]
    public async Task TwoThatMissTheSameSlice_ReadItOnce()
    {
        _bytes.SetClusters(5).SetL1(0, _bytes.At(3));
        using var map = new MapOverBytes(_bytes, poolPages: 64);
        int reads = _bytes.File.CountOf(StorageOperationKind.Read);
        using StorageGate gate = _bytes.File.Hold(StorageOperationKind.Read);
        CancellationToken cancel = TestContext.Current.CancellationToken;
        Task<MapRun> first = Task.Run(() => map.Lookup(0, 1), cancel);
        await gate.Reached;
        Task<MapRun> second = map.Map.LookupAsync<AsyncIo>(Cluster, 1, cancel).AsTask();
        Task<MapRun> third = map.Map.LookupAsync<AsyncIo>(2 * Cluster, 1, cancel).AsTask();
        Assert.False(second.IsCompleted);

        gate.Release();

        Assert.Equal(new MapRun(ExtentKind.Free, 1), await first);
        Assert.Equal(new MapRun(ExtentKind.Free, 1), await second);
        Assert.Equal(new MapRun(ExtentKind.Free, 1), await third);

        // L1, all of L1 in search of tables, and the slice of L2.
        Assert.Equal(reads + 3, _bytes.File.CountOf(StorageOperationKind.Read));
    }

    private static void AssertInvalid(MapOverBytes map, long offset, string entry, long at, long value, string why)
    {
        for (int round = 0; round < 2; round++)
        {
            ImageException failure = Assert.Throws<ImageException>(() => map.Lookup(offset, 1));
            Assert.Equal(
                (ImageErrorKind.Corrupt, $"a.qed: {entry} (at {at}) is {value}: {why}; check the image and repair it.", "map", at),
                (failure.Kind, failure.Message, failure.Operation, failure.OffsetBytes));
        }
    }

    /// <summary>A table at cluster 3 with runs of all kinds, of entries that follow each other and of some that do not.</summary>
    private ulong[] MakeTable(Random random)
    {
        const int Data = 5;
        _bytes.SetClusters(Data + (2 * EntriesPerTable)).SetL1(0, _bytes.At(3));
        ulong[] entries = new ulong[EntriesPerTable];
        for (int i = 0; i < EntriesPerTable;)
        {
            int run = random.Next(1, random.Next(2) == 0 ? 3 : 120);
            int kind = random.Next(5);
            int first = random.Next(Data, Data + EntriesPerTable);
            for (int j = 0; j < run && i < EntriesPerTable; j++, i++)
            {
                entries[i] = kind switch { 0 => 0, 1 => 1, 2 => 7, _ => _bytes.At(first + j) };
                _bytes.SetL2(3, i, entries[i]);
            }
        }

        return entries;
    }

    private static MapRun Expect(ulong[] entries, int index, int inCluster, long length, int entriesInMemory)
    {
        ulong first = entries[index];
        if (first == 7)
        {
            return default;
        }

        int end = index + 1;
        while (end < (index / entriesInMemory * entriesInMemory) + entriesInMemory && entries[end] == (first < 2 ? first : first + (ulong)((end - index) * Cluster)))
        {
            end++;
        }

        long bytes = Math.Min(length, ((end - index) * (long)Cluster) - inCluster);
        return first < 2 ? new MapRun(first == 0 ? ExtentKind.Free : ExtentKind.Zero, bytes) : new MapRun(ExtentKind.Data, bytes, (long)first + inCluster);
    }
}
