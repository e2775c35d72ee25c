using QedVd.Backends.Qed.Tests.Engine;
using QedVd.Backends.Qed.Tests.Format;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Traps;

/// <summary>Where new clusters and tables come from, in which order they reach the file, and what a failure leaves.</summary>
public sealed class AllocationTraps
{
    private const int Cluster = 4096;
    private const int Size = 1100 * Cluster;

    /// <summary>Whatever a crash leaves, the mark is not set and no entry points at what is not there: QEMU would trust it.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Trap("D07")]
    public void CrashAnywhereInAnAllocatingWrite_LeavesASoundImage_WithOldOrNewBytes(bool withParent)
    {
        SimulatedFile file = Images.Create(1030 * Cluster, tableClusters: 1, withParent: withParent);
        byte[] parent = ConcurrencyTests.Pattern(withParent ? 1030 * Cluster : 0, 5);
        using (QedImage image = Images.Open(file))
        {
            image.Write(3 * Cluster, ConcurrencyTests.Pattern(Cluster, 1));
            image.Flush();
            image.Write(9 * Cluster, ConcurrencyTests.Pattern(Cluster, 2));
            image.Write(600 * Cluster, ConcurrencyTests.Pattern(Cluster, 3));
        }

        byte[] after = new QedBytes(file).ReadClusters(parent).SelectMany(cluster => cluster!).ToArray();
        byte[] before = new byte[after.Length];
        parent.CopyTo(before, 0);
        int states = 0;
        foreach (CrashState state in CrashStates.OfPowerLoss(file, new PowerLossOptions { ExhaustiveUnits = 6, Samples = 8, Seed = 1 }))
        {
            states++;
            CheckReport report = Images.Check(state.File);
            Assert.True(report is { IsSound: true, NeedsCheck: false }, $"{state.Description}: {string.Join(", ", report.Findings)}");
            byte[]?[] clusters = new QedBytes(state.File).ReadClusters(parent);
            foreach (int i in new[] { 3, 9, 600 })
            {
                foreach (int sector in Enumerable.Range(0, 8))
                {
                    ReadOnlySpan<byte> now = clusters[i].AsSpan(sector * 512, 512);
                    int offset = (i * Cluster) + (sector * 512);
                    Assert.True(now.SequenceEqual(before.AsSpan(offset, 512)) || now.SequenceEqual(after.AsSpan(offset, 512)), $"{state.Description}: cluster {i}");
                }
            }
        }

        Assert.InRange(states, 50, int.MaxValue);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(511)]
    [InlineData(Cluster - 1)]
    [Trap("D17")]
    public void AfterATornAppend_NewClustersAreAlignedAllTheSame(int torn)
    {
        SimulatedFile file = Images.Create(Size, tableClusters: 1);
        file.Poke(file.LengthBytes, Enumerable.Repeat((byte)0xDB, torn).ToArray());
        using (QedImage image = Images.Open(file))
        {
            GuestDisk.Write(image, 0, ConcurrencyTests.Pattern(Cluster, 1));
            GuestDisk.Write(image, 700 * Cluster, ConcurrencyTests.Pattern(10, 2));
            Assert.Equal(new byte[Cluster - 10], GuestDisk.Read(image, (700 * Cluster) + 10, Cluster - 10));
        }

        QedBytes bytes = new(file);
        Assert.All([bytes.L1(0), bytes.L1(1), bytes.Entry(0), bytes.Entry(700)], entry => Assert.Equal((0UL, true), (entry % Cluster, entry > 0)));
        Assert.Equal(0, file.LengthBytes % Cluster);
        Images.AssertClean(file);
    }

    [Theory]
    [InlineData(StorageOperationKind.Write)]
    [InlineData(StorageOperationKind.Barrier)]
    [Trap("D24")]
    public async Task WhatCloseAndAChangeOfFlagsCannotSave_IsSaid(StorageOperationKind failing)
    {
        SimulatedFile file = Images.Create(Size, withParent: true);
        QedImage image = Images.Open(file);
        image.Write(0, new byte[Cluster]);
        file.Fail(failing);
        Assert.Equal(ImageErrorKind.Io, (await Assert.ThrowsAsync<ImageException>(async () => await image.SetOpenFlagsAsync(ImageOpenFlags.ReadOnly))).Kind);
        Assert.False(image.IsReadOnly);

        file.Fail(failing, isSticky: true);
        Assert.Throws<ImageException>(image.Close);
        Assert.Equal(0, file.OpenHandles);
    }

    /// <summary>What a failed write gives back is handed out again, and once only.</summary>
    [Fact]
    [Trap("D26")]
    public void ClustersOfAFailedWrite_AreHandedOutOnce()
    {
        SimulatedFile file = Images.Create(Size);
        using (QedImage image = Images.Open(file))
        {
            GuestDisk.Write(image, 0, new byte[Cluster]);
            for (int i = 1; i < 6; i++)
            {
                file.Fail(new StorageFault { Kind = StorageOperationKind.Write, PartialBytes = 512 });
                Assert.Throws<ImageException>(() => image.Write(i * Cluster, new byte[3 * Cluster]));
                file.ClearFaults();
                image.Write((100 + (i * 10)) * Cluster, ConcurrencyTests.Pattern(5 * Cluster, i));
            }

            ulong[] entries = Entries(image);
            Assert.Equal(entries.Distinct().Count(), entries.Length);
            for (int i = 1; i < 6; i++)
            {
                GuestDisk.Write(image, (100 + (i * 10)) * Cluster, ConcurrencyTests.Pattern(5 * Cluster, i));
            }

            entries = Entries(image);
            Assert.Equal(entries.Distinct().Count(), entries.Length);
            for (int i = 1; i < 6; i++)
            {
                Assert.Equal(ConcurrencyTests.Pattern(5 * Cluster, i), GuestDisk.Read(image, (100 + (i * 10)) * Cluster, 5 * Cluster));
            }
        }

        Images.AssertClean(file);

        static ulong[] Entries(QedImage image)
        {
            image.Flush();
            return [.. Enumerable.Range(0, 1000).Select(i => image.Map(i * (long)Cluster, Cluster)).Where(extent => extent.IsAllocated).Select(extent => (ulong)extent.StorageOffset)];
        }
    }

    /// <summary>A table that cannot be made, or cannot be written, leaves nothing behind that later requests trip over.</summary>
    [Theory]
    [InlineData(StorageOperationKind.SetLength, ImageErrorKind.OutOfSpace)]
    [InlineData(StorageOperationKind.Allocate, ImageErrorKind.OutOfSpace)]
    [InlineData(StorageOperationKind.Allocate, ImageErrorKind.Io)]
    [InlineData(StorageOperationKind.Write, ImageErrorKind.Io)]
    [Trap("D27")]
    public void NewTableThatFails_LeavesNoTrace(StorageOperationKind failing, ImageErrorKind error)
    {
        SimulatedFile file = Images.Create(Size, tableClusters: 1);
        TablePool pool = new(2 * TablePage.SizeBytes);
        using (QedImage image = Images.Open(file, pool: pool))
        {
            GuestDisk.Write(image, 0, ConcurrencyTests.Pattern(Cluster, 1));
            image.Flush();
            file.Fail(failing, error: error, isSticky: true);
            for (int i = 0; i < 3; i++)
            {
                try
                {
                    image.Write(600 * Cluster, ConcurrencyTests.Pattern(Cluster, 2));
                    image.Flush();
                    Assert.Equal(StorageOperationKind.SetLength, failing);
                }
                catch (ImageException exception)
                {
                    Assert.Equal(error, exception.Kind);
                }

                Assert.Equal(ConcurrencyTests.Pattern(Cluster, 1), GuestDisk.Read(image, 0, Cluster));
            }

            file.ClearFaults();
            GuestDisk.Write(image, 600 * Cluster, ConcurrencyTests.Pattern(Cluster, 3));
            GuestDisk.Write(image, 601 * Cluster, ConcurrencyTests.Pattern(Cluster, 4));
            Assert.Equal(ConcurrencyTests.Pattern(Cluster, 3), GuestDisk.Read(image, 600 * Cluster, Cluster));
        }

        Assert.Equal((0, 0), (pool.PagesInUse, pool.DirtyPages));
        Assert.True(Images.Check(file).IsSound);
        byte[]?[] clusters = new QedBytes(file).ReadClusters();
        Assert.Equal(ConcurrencyTests.Pattern(Cluster, 3), clusters[600]);
        Assert.Equal(ConcurrencyTests.Pattern(Cluster, 4), clusters[601]);
    }

    /// <summary>A write fails while a later one has taken the place behind it: the file is not cut under that one.</summary>
    [Theory]
    [InlineData(StorageOperationKind.Write)]
    [InlineData(StorageOperationKind.SetLength)]
    [Trap("D36")]
    public async Task WriteThatFails_TakesNothingFromTheOneBehindIt(StorageOperationKind failing)
    {
        SimulatedFile file = Images.Create(Size);
        using (QedImage image = Images.Open(file))
        {
            image.Write(0, new byte[Cluster]);
            StorageGate held = file.Hold(StorageOperationKind.Write, where: (_, length) => length == 2 * Cluster);
            file.Fail(new StorageFault { Kind = failing, Where = (_, length) => failing == StorageOperationKind.SetLength || length == 2 * Cluster });
            Task<WriteResult> first = Task.Run(() => image.Write(10 * Cluster, ConcurrencyTests.Pattern(2 * Cluster, 1)));
            await Task.WhenAny(held.Reached, first);
            Assert.Equal(WriteResult.Done(Cluster), image.Write(20 * Cluster, ConcurrencyTests.Pattern(Cluster, 2)));
            held.Release();
            if (failing == StorageOperationKind.Write)
            {
                await Assert.ThrowsAsync<ImageException>(() => first);
                Assert.Equal(ExtentKind.Free, image.Map(10 * Cluster, Cluster).Kind);
            }
            else
            {
                await first;
            }

            // Enough to use what was given back, and to grow past it.
            for (int i = 30; i < 100; i++)
            {
                image.Write(i * Cluster, ConcurrencyTests.Pattern(Cluster, i));
            }

            Assert.Equal(ConcurrencyTests.Pattern(Cluster, 2), GuestDisk.Read(image, 20 * Cluster, Cluster));
        }

        Images.AssertClean(file);
        byte[]?[] clusters = new QedBytes(file).ReadClusters();
        Assert.Equal(ConcurrencyTests.Pattern(Cluster, 2), clusters[20]);
        Assert.All(Enumerable.Range(30, 70), i => Assert.Equal(ConcurrencyTests.Pattern(Cluster, i), clusters[i]));
    }

    [Theory]
    [InlineData(ImageOpenFlags.None)]
    [InlineData(ImageOpenFlags.HonorSame)]
    [Trap("D37")]
    public async Task TwoWritesUnderOneEmptyL1Entry_MakeOneTable_AndLoseNothing(ImageOpenFlags flags)
    {
        SimulatedFile file = Images.Create(Size, tableClusters: 1, withParent: true);
        await using (QedImage image = (QedImage)new QedBackend().Open(file.Open(), new ImageOpenOptions { Flags = flags, Time = new FakeTime(), Tables = new TablePool() }))
        {
            // The first is held inside the making of the table, the second comes meanwhile.
            StorageGate held = file.Hold(StorageOperationKind.Allocate);
            Task<WriteResult> first = image.WriteAsync(600 * Cluster, ConcurrencyTests.Pattern(Cluster, 1)).AsTask();
            await held.Reached;
            Task<WriteResult> second = image.WriteAsync(700 * Cluster, ConcurrencyTests.Pattern(Cluster, 2)).AsTask();
            Assert.Equal(ConcurrencyTests.Pattern(Cluster, 3), (await WriteElsewhere(image)));
            held.Release();
            await Task.WhenAll(first, second);
        }

        Images.AssertClean(file);
        byte[]?[] clusters = new QedBytes(file).ReadClusters();
        Assert.Equal(ConcurrencyTests.Pattern(Cluster, 1), clusters[600]);
        Assert.Equal(ConcurrencyTests.Pattern(Cluster, 2), clusters[700]);

        // Header, L1, two tables, three clusters.
        Assert.Equal(1 + 1 + 2 + 3, file.LengthBytes / Cluster);

        static async Task<byte[]> WriteElsewhere(QedImage image)
        {
            await image.WriteAsync(5 * Cluster, ConcurrencyTests.Pattern(Cluster, 3));
            return GuestDisk.Read(image, 5 * Cluster, Cluster);
        }
    }

    [Fact]
    [Trap("D37")]
    public async Task TwoWritesIntoOneFreeCluster_TakeOneCluster()
    {
        SimulatedFile file = Images.Create(Size, tableClusters: 1, withParent: true);
        await using (QedImage image = Images.Open(file))
        {
            await image.WriteAsync(0, new byte[Cluster]);
            StorageGate held = file.Hold(StorageOperationKind.Write);
            Task<WriteResult> first = image.WriteAsync(9 * Cluster, ConcurrencyTests.Pattern(Cluster, 1)).AsTask();
            await held.Reached;
            Task<WriteResult> second = image.WriteAsync(9 * Cluster, ConcurrencyTests.Pattern(Cluster, 2)).AsTask();
            held.Release();
            await first;
            await second;
            Assert.Equal(ConcurrencyTests.Pattern(Cluster, 2), GuestDisk.Read(image, 9 * Cluster, Cluster));
        }

        Assert.Equal(5, file.LengthBytes / Cluster);
        Images.AssertClean(file);
    }

    /// <summary>What goes to the file for one cluster: its bytes and one sector of a table, and of L1 when the table is new. A clean flush or close: nothing.</summary>
    [Fact]
    [Trap("D38")]
    public void AllocatingWrite_ChangesOneSectorOfATable_AndNothingTwice()
    {
        SimulatedFile file = Images.Create(1L << 40, 65536, 4);
        QedImage image = Images.Open(file);
        image.Write(0, new byte[65536]);
        image.Flush();
        Assert.InRange(Written(file), 65536, 65536 + 4096 + 512);
        long before = Written(file);

        image.Write(65536, new byte[65536]);
        image.Flush();
        Assert.Equal(before + 65536 + 512, Written(file));

        image.Flush();
        image.Flush();
        image.Close();
        Assert.Equal(before + 65536 + 512, Written(file));

        using (QedImage again = Images.Open(file))
        {
            again.Flush();
        }

        Assert.Equal(before + 65536 + 512, Written(file));

        static long Written(SimulatedFile file) => file.Trace.Where(operation => operation.Kind == StorageOperationKind.Write).Sum(operation => operation.LengthBytes);
    }

    /// <summary>Over a parent, zeros are a mark in the table: no cluster is spent, and they are zeros still when the image is opened again.</summary>
    [Theory]
    [InlineData(ImageOpenFlags.None)]
    [InlineData(ImageOpenFlags.HonorZeroes)]
    [Trap("D43")]
    public void ZerosOverAParent_AreMarks_AndLast(ImageOpenFlags flags)
    {
        SimulatedFile file = Images.Create(Size, tableClusters: 1, withParent: true);
        using (IDiskImage image = new QedBackend().Open(file.Open(), new ImageOpenOptions { Flags = flags, Time = new FakeTime() }))
        {
            image.Write(0, new byte[Cluster]);
            Assert.Equal(WriteResult.Done(400 * Cluster), image.WriteZeroes(10 * Cluster, 400 * Cluster));
        }

        Assert.Equal(4, file.LengthBytes / Cluster);
        Assert.All(Enumerable.Range(10, 400), i => Assert.Equal(1UL, new QedBytes(file).Entry(i)));
        using QedImage again = Images.Open(file, readOnly: true);
        byte[] parent = ConcurrencyTests.Pattern(Size, 1);
        Assert.Equal(new byte[400 * Cluster], GuestDisk.Read(again, 10 * Cluster, 400 * Cluster, parent));
        Images.AssertClean(file);
    }

    /// <summary>Over nothing, a host that asks for zeros to be honoured gets them stored.</summary>
    [Fact]
    [Trap("D43")]
    public void HonouredZeros_AreStored_WhereFreeSpaceWouldReadAsZero()
    {
        SimulatedFile file = Images.Create(Size, tableClusters: 1);
        using (IDiskImage image = new QedBackend().Open(file.Open(), new ImageOpenOptions { Flags = ImageOpenFlags.HonorZeroes, Time = new FakeTime() }))
        {
            image.WriteZeroes(10 * Cluster, 4 * Cluster);
        }

        Assert.All(Enumerable.Range(10, 4), i => Assert.Equal(1UL, new QedBytes(file).Entry(i)));
        Images.AssertClean(file);
    }
}
