using System.Reflection;
using QedVd.Backends.Qed.Tests.Engine;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Traps;

/// <summary>From the disk to the file: entries, tables, and the memory for tables.</summary>
public sealed class MappingTraps
{
    private const int Cluster = 4096;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Trap("D03")]
    public void ZeroMarker_IsNoPlaceInTheFile(bool withParent)
    {
        QedImageBytes image = new(new QedHeaderBytes { Features = withParent ? 1UL : 0, NameOffset = 64, NameSize = withParent ? 3u : 0 });
        image.File.Poke(64, "abc"u8);
        image.AddUsualTable().SetL2(3, 1, 1).SetL2(3, 2, 1);
        byte[] start = image.File.ReadBytes(0, 3 * Cluster);
        using (IDiskImage disk = new QedBackend().Open(image.File.Open(), new ImageOpenOptions()))
        {
            Assert.Equal(ExtentKind.Zero, disk.Read(Cluster, new byte[Cluster]).Kind);
            Assert.Equal(new byte[2 * Cluster], GuestDisk.Read(disk, Cluster, 2 * Cluster));

            GuestDisk.Write(disk, Cluster + 100, ConcurrencyTests.Pattern(50, 1));
            byte[] expected = new byte[2 * Cluster];
            ConcurrencyTests.Pattern(50, 1).CopyTo(expected, 100);
            Assert.Equal(expected, GuestDisk.Read(disk, Cluster, 2 * Cluster));
        }

        Assert.Equal(start, image.File.ReadBytes(0, 3 * Cluster));
        Assert.InRange(new QedBytes(image.File).Entry(1), image.At(5), image.At(100));
        Assert.Equal(1UL, new QedBytes(image.File).Entry(2));
    }

    /// <summary>The host writes whole clusters, also the last one, of which the disk has a part only.</summary>
    [Theory]
    [InlineData(512)]
    [InlineData(Cluster - 512)]
    [Trap("D05")]
    public void LastCluster_OfADiskThatEndsInsideIt_IsWrittenWhole(int tail)
    {
        SimulatedFile file = Images.Create((10 * Cluster) + tail, withParent: true);
        byte[] parent = ConcurrencyTests.Pattern((10 * Cluster) + tail, 9);
        using (QedImage image = Images.Open(file))
        {
            WriteResult free = image.Write((10 * Cluster) + 5, new byte[10]);
            Assert.Equal((true, 5L), (free.IsFree, free.PreBytes));
            Assert.Equal(Cluster, free.PreBytes + free.LengthBytes + free.PostBytes);

            GuestDisk.Write(image, (10 * Cluster) + 5, new byte[10], parent);
            Array.Clear(parent, (10 * Cluster) + 5, 10);
            Assert.Equal(parent[(10 * Cluster)..], GuestDisk.Read(image, 10 * Cluster, tail, parent));
            Assert.Throws<ArgumentOutOfRangeException>(() => image.Write((10 * Cluster) + 5, new byte[Cluster]));
        }

        Assert.Equal(parent[(10 * Cluster)..], new QedBytes(file).ReadClusters(parent)[10]);
        Images.AssertClean(file);
    }

    /// <summary>A pool with fewer pages than are pinned at once: what has no page is read by itself, and nothing is mixed up.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [Trap("D28")]
    public void PoolOfAFewPages_AllOfThemHeld_MixesNothingUp(int pages)
    {
        const int Tables = 24;
        SimulatedFile file = Images.Create(Tables * 512L * Cluster, tableClusters: 1);
        TablePool pool = new(pages * TablePage.SizeBytes);
        using (QedImage image = Images.Open(file, pool: pool))
        {
            for (int round = 0; round < 3; round++)
            {
                for (int table = 0; table < Tables; table++)
                {
                    GuestDisk.Write(image, OffsetOf(table, round), ConcurrencyTests.Pattern(Cluster, (table * 10) + round));
                    int other = table * 7 % Tables;
                    byte[] expected = round == 0 ? new byte[Cluster] : ConcurrencyTests.Pattern(Cluster, (other * 10) + round - 1);
                    Assert.Equal(expected, GuestDisk.Read(image, OffsetOf(other, round == 0 ? 5 : round - 1), Cluster));
                }
            }

            image.Flush();
            GuestDisk.Read(image, 0, 10);
            Assert.InRange(pool.PagesInUse, 1, pages);
        }

        Assert.Equal((0, 0), (pool.PagesInUse, pool.DirtyPages));
        Images.AssertClean(file);
        QedBytes bytes = new(file);
        for (int table = 0; table < Tables; table++)
        {
            Assert.Equal(ConcurrencyTests.Pattern(Cluster, (table * 10) + 2), file.ReadBytes((long)bytes.Entry((table * 512L) + 2), Cluster));
        }

        static long OffsetOf(int table, int cluster) => ((table * 512L) + cluster) * Cluster;
    }

    [Theory]
    [InlineData(1 << 20, 4)]
    [InlineData(256 << 10, 16)]
    [InlineData(1 << 20, 16)]
    [Trap("D29")]
    public void TablesOfMoreThan2MiB_AreReadAndWritten(int clusterBytes, int tableClusters)
    {
        long entries = (long)clusterBytes * tableClusters / 8;
        long size = Math.Min(entries * 3 * clusterBytes, 1L << 60);
        SimulatedFile file = Images.Create(size, clusterBytes, tableClusters);
        long[] offsets = [0, (entries - 1) * clusterBytes, entries * clusterBytes, size - 512];
        TablePool pool = new(1 << 20);
        using (QedImage image = Images.Open(file, pool: pool))
        {
            foreach (long offset in offsets)
            {
                GuestDisk.Write(image, offset, ConcurrencyTests.Pattern(512, (int)(offset % 97)));
            }

            Assert.InRange(pool.PagesInUse, 1, pool.CapacityPages);
        }

        using QedImage again = Images.Open(file, pool: pool, readOnly: true);
        foreach (long offset in offsets)
        {
            Assert.Equal(ConcurrencyTests.Pattern(512, (int)(offset % 97)), GuestDisk.Read(again, offset, 512));
        }
    }

    /// <summary>The index is asked for a slice that is there, and finds it after a few steps however many there are: steps counted, not timed.</summary>
    [Fact]
    [Trap("D30")]
    public void LookupOfATable_NeedsAsFewStepsAmongThousandsAsAmongTen()
    {
        object owner = new();
        TablePool pool = new(20_000L * TablePage.SizeBytes);
        SliceIndex index = new(owner);
        for (int i = 0; i < 20_000; i++)
        {
            // In no order, and far apart.
            long key = (i * 7919L % 20_000) << 12;
            TablePage page = pool.Rent(owner, key)!;
            page.Publish();
            index.Add(key, page);
        }

        // The way of Find, step by step.
        object slots = typeof(SliceIndex).GetField("_slots", BindingFlags.Instance | BindingFlags.NonPublic)!.GetValue(index)!;
        long[] keys = (long[])slots.GetType().GetField("Keys")!.GetValue(slots)!;
        Func<long, int> first = slots.GetType().GetMethod("First")!.CreateDelegate<Func<long, int>>(slots);
        Func<int, int> next = slots.GetType().GetMethod("Next")!.CreateDelegate<Func<int, int>>(slots);
        long steps = 0;
        for (long i = 0; i < 20_000; i++)
        {
            Assert.True(index.Find(i << 12)!.TryBeginRead(owner, i << 12, out _));
            for (int slot = first(i << 12); keys[slot] != i << 12; slot = next(slot))
            {
                steps++;
            }
        }

        Assert.InRange(steps, 0, 5 * 20_000);
    }

    /// <summary>A table that is always in use stays in memory while many others pass through: what goes first is what was not used lately.</summary>
    [Fact]
    [Trap("D30")]
    public void TableInConstantUse_StaysInMemory_WhileOthersPass()
    {
        SimulatedFile file = FilledTables(tables: 200);
        using QedImage image = Images.Open(file, pool: new TablePool(16 * TablePage.SizeBytes), readOnly: true);
        byte[] buffer = new byte[512];
        image.Read(0, buffer);
        long hot = (long)new QedBytes(file).L1(0);
        int loads = 0;
        file.Fail(new StorageFault { Kind = StorageOperationKind.Read, Where = (offset, _) => Count(offset) });
        for (int table = 1; table < 200; table++)
        {
            image.Read(table * 512L * Cluster, buffer);
            image.Read(0, buffer);
        }

        Assert.InRange(loads, 0, 20);

        bool Count(long offset)
        {
            loads += offset == hot ? 1 : 0;
            return false;
        }
    }

    /// <summary>Many tables in use at once: once read, none is read again, and the default budget holds them.</summary>
    [Fact]
    [Trap("D39")]
    public void SixtyFourTablesInUse_AreAllKept()
    {
        SimulatedFile file = FilledTables(tables: 64);
        using QedImage image = Images.Open(file, pool: new TablePool(), readOnly: true);
        byte[] buffer = new byte[512];
        for (int table = 0; table < 64; table++)
        {
            image.Read(table * 512L * Cluster, buffer);
        }

        int reads = file.CountOf(StorageOperationKind.Read);
        for (int i = 0; i < 1000; i++)
        {
            image.Read(i * 37 % 64 * 512L * Cluster, buffer);
        }

        Assert.Equal(reads + 1000, file.CountOf(StorageOperationKind.Read));
    }

    /// <summary>L1 is read where it is used: a table of 1 GiB costs a few pages.</summary>
    [Fact]
    [Trap("D39")]
    public void L1OfAGibibyte_IsNotHeldInMemory()
    {
        SimulatedFile file = Images.Create(1L << 62, 64 << 20, 16);
        TablePool pool = new();
        long before = GC.GetAllocatedBytesForCurrentThread();

        using QedImage image = Images.Open(file, pool: pool);
        GuestDisk.Read(image, 1L << 61, 512);

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 2 << 20);
        Assert.InRange(pool.PagesInUse, 0, 4);
    }

    /// <summary>Images with one cluster in the first place of each table.</summary>
    private static SimulatedFile FilledTables(int tables)
    {
        SimulatedFile file = Images.Create(tables * 512L * Cluster, tableClusters: 1);
        using QedImage image = Images.Open(file);
        for (int table = 0; table < tables; table++)
        {
            GuestDisk.Write(image, table * 512L * Cluster, ConcurrencyTests.Pattern(512, table));
        }

        return file;
    }
}
