using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Engine;

/// <summary>The order of writes and barriers, operation by operation.</summary>
public sealed class WriteBackTests
{
    private const int Cluster = 4096;
    private const int Size = 1100 * Cluster;

    [Fact]
    public void Flush_OfAFreshClusterOverNothing_TakesOneBarrier()
    {
        (SimulatedFile file, QedImage image) = Settled(withParent: false);
        using (image)
        {
            Assert.Equal(["data"], Record(file, () => image.Write(5 * Cluster, new byte[512])));
            Assert.Equal(["sector", "barrier"], Record(file, image.Flush));
        }
    }

    [Fact]
    public void Flush_OfAClusterThatAGrowthNotYetDurableMadeRoomFor_TakesBothBarriers()
    {
        (SimulatedFile file, QedImage image) = Settled(withParent: false);
        using (image)
        {
            // The clock stands still, so that no second barrier in the background makes the growth durable.
            long durable = file.LengthBytes;
            for (int cluster = 5; image.Map((cluster - 1) * Cluster, 1).StorageOffset < durable; cluster++)
            {
                image.Write(cluster * Cluster, new byte[512]);
            }

            Assert.Equal(["barrier", "sector", "barrier"], Record(file, image.Flush));
            Assert.Equal(["data"], Record(file, () => image.Write(300 * Cluster, new byte[512])));
            Assert.Equal(["sector", "barrier"], Record(file, image.Flush));
        }
    }

    [Fact]
    public void Flush_OfAClusterOverAParent_PutsABarrierBetweenDataAndEntry()
    {
        (SimulatedFile file, QedImage image) = Settled(withParent: true);
        using (image)
        {
            Assert.Equal(["data"], Record(file, () => image.Write(5 * Cluster, new byte[Cluster])));
            Assert.Equal(["barrier", "sector", "barrier"], Record(file, image.Flush));
        }
    }

    [Fact]
    public void Flush_OfAClusterInAZeroCluster_TakesOneBarrier_AlsoOverAParent()
    {
        (SimulatedFile file, QedImage image) = Settled(withParent: true);
        using (image)
        {
            Assert.Empty(Record(file, () => image.WriteZeroes(5 * Cluster, Cluster)));
            Assert.Equal(["sector", "barrier"], Record(file, image.Flush));
            Assert.Equal(["data"], Record(file, () => image.Write((5 * Cluster) + 512, new byte[512])));
            Assert.Equal(["sector", "barrier"], Record(file, image.Flush));
        }
    }

    [Fact]
    public void Flush_OnAStorageWithoutTheZeroFact_TakesBothBarriers_AndFillsTheCluster()
    {
        (SimulatedFile file, QedImage image) = Settled(withParent: false, SimulatedFile.GoodFacts & ~StorageFacts.NeverWrittenReadsZero);
        using (image)
        {
            Assert.Equal(["data", "data", "data"], Record(file, () => image.Write((5 * Cluster) + 512, new byte[512])));
            Assert.Equal(["barrier", "sector", "barrier"], Record(file, image.Flush));
        }
    }

    [Fact]
    public void Flush_OfANewTable_WritesItBeforeTheBarrier_AndItsLinkAfter()
    {
        (SimulatedFile file, QedImage image) = Settled(withParent: false);
        using (image)
        {
            Assert.Equal(["allocate", "data"], Record(file, () => image.Write(1024 * Cluster, new byte[512])));
            Assert.Equal(["sector", "barrier", "L1", "barrier"], Record(file, image.Flush));
            Assert.Equal(["data"], Record(file, () => image.Write(1025 * Cluster, new byte[512])));
            Assert.Equal(["sector", "barrier"], Record(file, image.Flush));
        }
    }

    [Fact]
    public void Flush_WithNothingChanged_CostsOneBarrier()
    {
        (SimulatedFile file, QedImage image) = Settled(withParent: false);
        using (image)
        {
            Assert.Equal(["barrier"], Record(file, image.Flush));
            Assert.Equal(["data"], Record(file, () => image.Write(0, new byte[512])));
            Assert.Equal(["barrier"], Record(file, image.Flush));
        }
    }

    [Fact]
    public void ForceUnitAccess_MakesDataAndEntryDurable()
    {
        (SimulatedFile file, QedImage image) = Settled(withParent: false);
        using (image)
        {
            Assert.Equal(["data", "sector", "barrier"], Record(file, () => image.Write(5 * Cluster, new byte[512], WriteFlags.ForceUnitAccess)));
            Assert.Equal(["data", "barrier"], Record(file, () => image.Write(5 * Cluster, new byte[512], WriteFlags.ForceUnitAccess)));
        }
    }

    [Fact]
    public void Unsafe_UsesNoBarriers()
    {
        SimulatedFile file = Images.Create(Size, Cluster, 1);
        QedImage image = Images.Open(file, ConsistencyMode.Unsafe);
        GuestDisk.Write(image, 0, new byte[Cluster]);
        image.Flush();
        image.Close();
        Assert.Equal(0, file.CountOf(StorageOperationKind.Barrier));
        Images.AssertClean(file);
    }

    [Fact]
    public async Task EntriesPublishedDuringTheFirstBarrier_AreNotInThatCommit()
    {
        (SimulatedFile file, QedImage image) = Settled(withParent: true);
        image.Write(5 * Cluster, new byte[Cluster]);
        StorageGate barrier = file.Hold(StorageOperationKind.Barrier);
        Task flush = Task.Run(image.Flush);
        await barrier.Reached;
        image.Write(6 * Cluster, new byte[Cluster]);
        barrier.Release();
        await flush;

        using (QedImage left = Images.Open(file.Copy(), readOnly: true))
        {
            Assert.Equal(ExtentKind.Data, left.Map(5 * Cluster, Cluster).Kind);
            Assert.Equal(ExtentKind.Free, left.Map(6 * Cluster, Cluster).Kind);
        }

        image.Close();
        using QedImage after = Images.Open(file.Copy(), readOnly: true);
        Assert.Equal(ExtentKind.Data, after.Map(6 * Cluster, Cluster).Kind);
    }

    [Fact]
    public async Task EntriesPublishedDuringTheFirstBarrier_InANewTable_AreNotInThatCommit()
    {
        (SimulatedFile file, QedImage image) = Settled(withParent: true);
        image.Write(1024 * Cluster, new byte[Cluster]);
        StorageGate barrier = file.Hold(StorageOperationKind.Barrier);
        Task flush = Task.Run(image.Flush);
        await barrier.Reached;
        image.Write(1025 * Cluster, new byte[Cluster]);
        barrier.Release();
        await flush;

        using (QedImage left = Images.Open(file.Copy(), readOnly: true))
        {
            Assert.Equal(ExtentKind.Data, left.Map(1024 * Cluster, Cluster).Kind);
            Assert.Equal(ExtentKind.Free, left.Map(1025 * Cluster, Cluster).Kind);
        }

        Assert.Equal(["barrier", "sector", "barrier"], Record(file, image.Flush));
        image.Dispose();
    }

    [Fact]
    public async Task Flushes_ThatComeWhileOneRuns_ShareTheNextOne()
    {
        (SimulatedFile file, QedImage image) = Settled(withParent: false);
        using (image)
        {
            StorageGate barrier = file.Hold(StorageOperationKind.Barrier);
            Task first = Task.Run(image.Flush);
            await barrier.Reached;
            int before = file.CountOf(StorageOperationKind.Barrier);
            image.Write(5 * Cluster, new byte[Cluster]);
            Task[] others = [.. Enumerable.Range(0, 5).Select(_ => image.FlushAsync().AsTask())];
            Assert.All(others, other => Assert.False(other.IsCompleted));
            barrier.Release();
            await first;
            await Task.WhenAll(others);
            Assert.Equal(before + 1, file.CountOf(StorageOperationKind.Barrier));
        }
    }

    [Fact]
    public void WithoutAFlush_WhatNeedsNoBarrier_IsWrittenWithinTenMilliseconds_AndTheRestWithinASecond()
    {
        FakeTime time = new();
        (SimulatedFile file, QedImage image) = Settled(withParent: true, time: time);
        using (image)
        {
            image.WriteZeroes(3 * Cluster, Cluster);
            image.Write(70 * Cluster, new byte[Cluster]);
            Assert.Equal(1, time.PendingTimers);
            Assert.Equal(["sector"], Record(file, () => Advance(time, file, 10, changes: 1)));
            Assert.Equal(["barrier", "sector", "barrier"], Record(file, () => Advance(time, file, 990, changes: 1, barriers: 2)));
            Assert.True(SpinWait.SpinUntil(() => time.PendingTimers == 0, 30_000));
        }

        Assert.Equal(0, time.PendingTimers);
    }

    [Fact]
    public void FailedWriteBack_KeepsEntriesDirty_FailsTheFlush_AndTheNextOneRetries()
    {
        (SimulatedFile file, QedImage image) = Settled(withParent: false);
        image.Write(5 * Cluster, ConcurrencyTests.Pattern(Cluster, 5));
        file.Fail(new StorageFault { Kind = StorageOperationKind.Write, PartialBytes = 100 });

        Assert.Equal(ImageErrorKind.Io, Assert.Throws<ImageException>(image.Flush).Kind);
        Assert.Equal(ConcurrencyTests.Pattern(Cluster, 5), GuestDisk.Read(image, 5 * Cluster, Cluster));
        image.Write(0, new byte[512]);
        Assert.Equal(["sector", "barrier"], Record(file, image.Flush));
        image.Close();
        Images.AssertClean(file);
        using QedImage again = Images.Open(file, readOnly: true);
        Assert.Equal(ConcurrencyTests.Pattern(Cluster, 5), GuestDisk.Read(again, 5 * Cluster, Cluster));
    }

    [Fact]
    public void FailedBarrier_Fences_WritesAndFlushesFail_AndReadsGoOn()
    {
        (SimulatedFile file, QedImage image) = Settled(withParent: false);
        image.Write(5 * Cluster, ConcurrencyTests.Pattern(Cluster, 5));
        file.Fail(StorageOperationKind.Barrier);

        Assert.Equal(ImageErrorKind.Io, Assert.Throws<ImageException>(image.Flush).Kind);
        Assert.Equal(ImageErrorKind.Fenced, Assert.Throws<ImageException>(image.Flush).Kind);
        Assert.Equal(ImageErrorKind.Fenced, Assert.Throws<ImageException>(() => image.Write(0, new byte[512])).Kind);
        Assert.Equal(ImageErrorKind.Fenced, Assert.Throws<ImageException>(() => image.Write(9 * Cluster, new byte[512])).Kind);
        Assert.Equal(ConcurrencyTests.Pattern(Cluster, 5), GuestDisk.Read(image, 5 * Cluster, Cluster));
        Assert.Equal(ImageErrorKind.Fenced, Assert.Throws<ImageException>(image.Close).Kind);
        Assert.Equal(0, file.OpenHandles);
    }

    [Fact]
    public void Close_ReportsWhatCouldNotBeSaved_AndClosesAllTheSame()
    {
        TablePool pool = new(1 << 20);
        SimulatedFile file = Images.Create(Size, Cluster, 1);
        QedImage image = Images.Open(file, pool: pool);
        image.Write(5 * Cluster, new byte[Cluster]);
        file.Fail(StorageOperationKind.Write, isSticky: true);

        Assert.Equal(ImageErrorKind.Io, Assert.Throws<ImageException>(image.Close).Kind);
        Assert.Equal(0, file.OpenHandles);
        Assert.Equal(0, pool.PagesInUse);
        Assert.Equal(0, pool.DirtyPages);
    }

    /// <summary>An image with two clusters allocated, everything durable, and nothing to do but what the test asks for.</summary>
    internal static (SimulatedFile File, QedImage Image) Settled(bool withParent, StorageFacts facts = SimulatedFile.GoodFacts, TimeProvider? time = null)
    {
        SimulatedFile file = Images.Create(Size, Cluster, 1, withParent, facts);
        QedImage image = Images.Open(file, time: time);
        image.Write(0, new byte[2 * Cluster]);

        // The growth of the file is made durable in the background.
        Assert.True(SpinWait.SpinUntil(() => file.CountOf(StorageOperationKind.Barrier) == 2, 30_000));
        image.Flush();
        image.Flush();
        return (file, image);
    }

    /// <summary>What the storage was asked for, in order.</summary>
    internal static List<string> Record(SimulatedFile file, Action act)
    {
        int before = file.Trace.Count;
        act();
        return [.. file.Trace.Skip(before).Select(operation => operation.Kind switch
        {
            StorageOperationKind.Barrier => "barrier",
            StorageOperationKind.Write when operation.Offset is >= Cluster and < 2 * Cluster => "L1",
            StorageOperationKind.Write when IsTable(file, operation) => "sector",
            StorageOperationKind.Write => "data",
            _ => operation.Kind.ToString().ToLowerInvariant(),
        })];
    }

    // Tables were made first, and by Allocate or with zeros: nothing else is ever written there.
    private static bool IsTable(SimulatedFile file, StorageOperation write) => write.LengthBytes == 512 && file.Trace.Any(
        made => made.Index < write.Index && (made.Kind == StorageOperationKind.Allocate || (made.Kind == StorageOperationKind.Write && made.LengthBytes == Cluster && made.Index < 6))
            && write.Offset >= made.Offset && write.Offset < made.Offset + made.LengthBytes);

    private static void Advance(FakeTime time, SimulatedFile file, int milliseconds, int changes, int barriers = 0)
    {
        int changesBefore = file.CountOfChanges();
        int barriersBefore = file.Trace.Count(operation => operation.Kind == StorageOperationKind.Barrier);
        time.Advance(TimeSpan.FromMilliseconds(milliseconds));
        Assert.True(SpinWait.SpinUntil(
            () => file.CountOfChanges() >= changesBefore + changes
                && file.Trace.Count(operation => operation.Kind == StorageOperationKind.Barrier) >= barriersBefore + barriers,
            30_000));
    }
}
