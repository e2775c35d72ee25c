using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Engine;

/// <summary>What maintenance leaves behind, and what comes between its steps.</summary>
public sealed class MaintenanceHoldTests
{
    private const int Cluster = 4096;

    [Fact]
    public async Task Flush_WhileTheImageBecomesReadOnly_IsNotDone_BeforeItIsDurable()
    {
        SimulatedFile file = Images.Create(100 * Cluster);
        using QedImage image = Images.Open(file);
        GuestDisk.Write(image, 0, ConcurrencyTests.Pattern(Cluster, 1));
        using StorageGate barrier = file.Hold(StorageOperationKind.Barrier);
        Task readOnly = image.SetOpenFlagsAsync(ImageOpenFlags.ReadOnly).AsTask();
        await barrier.Reached;
        Task flush = Task.Run(() => image.Flush(), TestContext.Current.CancellationToken);
        await Task.WhenAny(flush, Task.Delay(200, TestContext.Current.CancellationToken));
        Assert.False(flush.IsCompleted);
        barrier.Release();
        await readOnly;
        await flush;
    }

    [Fact]
    public async Task Write_ToAMarkedClusterThatACompactionIsAboutToUnmark_Stays_AndStopsNothing()
    {
        SimulatedFile file = Images.Create(600 * Cluster, Cluster, 2, withParent: true);
        using QedImage image = Images.Open(file);
        image.SetBeneath(Beneath.Unknown);
        GuestDisk.Write(image, 8 * Cluster, ConcurrencyTests.Pattern(Cluster, 1));
        image.WriteZeroes(0, 8 * Cluster);
        image.SetBeneath(Beneath.Nothing);

        // The table is read by the scan, then by the walk that drops; what that has found out is old when it is acted on.
        using StorageGate walk = file.Hold(StorageOperationKind.Read, nth: 2, afterEffect: true, where: (offset, length) => offset == 3 * Cluster && length == 2 * Cluster);
        Task compaction = image.CompactAsync(new CompactOptions(), cancellationToken: TestContext.Current.CancellationToken).AsTask();
        await walk.Reached;
        byte[] data = ConcurrencyTests.Pattern(Cluster, 9);
        GuestDisk.Write(image, 3 * Cluster, data);
        walk.Release();
        await compaction;
        Assert.Equal(data, GuestDisk.Read(image, 3 * Cluster, Cluster));
        Assert.Equal(new byte[3 * Cluster], GuestDisk.Read(image, 0, 3 * Cluster));
        image.Close();
        Images.AssertClean(file);
    }

    [Theory]
    [InlineData(StorageOperationKind.Write)]
    [InlineData(StorageOperationKind.SetLength)]
    public async Task Crash_AfterWritesThatFollowAFailedChangeOfLength_FindsNoEntryBehindTheEnd(StorageOperationKind kind)
    {
        FakeTime time = new();
        SimulatedFile file = Images.Create(100 * Cluster, Cluster, 1);
        QedImage image = Images.Open(file, time: time);
        GuestDisk.Write(image, 0, ConcurrencyTests.Pattern(8 * Cluster, 1));
        image.Flush();
        if (kind == StorageOperationKind.Write)
        {
            // The header: the tables for the larger disk are there and durable, and are given back.
            file.Fail(new StorageFault { Kind = kind, Where = (offset, _) => offset == 0 });
            await Assert.ThrowsAsync<ImageException>(async () => await image.ResizeAsync((1L << 30) + Cluster, mayShrink: false, cancellationToken: TestContext.Current.CancellationToken));
        }
        else
        {
            // The cut at the end of a compaction.
            image.WriteZeroes(4 * Cluster, 4 * Cluster);
            file.Fail(new StorageFault { Kind = kind, IsSticky = true });
            await Assert.ThrowsAsync<ImageException>(async () => await image.CompactAsync(new CompactOptions(), cancellationToken: TestContext.Current.CancellationToken));
        }

        file.ClearFaults();
        image.Flush();
        int start = file.Trace.Count;
        for (int i = 0; i < 3; i++)
        {
            GuestDisk.Write(image, (20 + i) * Cluster, ConcurrencyTests.Pattern(Cluster, 2));
            time.Advance(TimeSpan.FromMilliseconds(20));
            SpinWait.SpinUntil(() => image.DirtySlices == 0, 500);
        }

        image.Close();
        foreach (CrashState state in CrashStates.OfPowerLoss(file, new PowerLossOptions { ExhaustiveUnits = 8, Samples = 50 }).Where(state => state.Position >= start))
        {
            CheckReport report = Images.Check(state.File);
            Assert.True(report.IsSound, $"{state.Description}\n{string.Join('\n', report.Findings)}");
        }
    }
}
