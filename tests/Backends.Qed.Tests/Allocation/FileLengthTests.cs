using QedVd.TestKit;
using static QedVd.Backends.Qed.Tests.Allocation.Allocators;

namespace QedVd.Backends.Qed.Tests.Allocation;

/// <summary>How long the allocator keeps the file, and which of that it knows to survive a crash.</summary>
public sealed class FileLengthTests
{
    private const StorageFacts CannotGrow = SimulatedFile.GoodFacts & ~StorageFacts.CanSetLength;

    [Fact]
    public void Settling_CutsAPartOfACluster_AndMakesTheLengthDurable_Once()
    {
        Allocators holder = new((10 * Cluster) + 100);

        holder.Settle();
        holder.Settle();

        Assert.Equal(10, holder.FileClusters);
        Assert.Equal(10 * Cluster, holder.Allocator.LengthBytes);
        Assert.Equal(10 * Cluster, holder.Allocator.DurableLengthBytes);
        Assert.Equal((1, 1), (holder.Barriers, holder.File.CountOf(StorageOperationKind.SetLength)));
    }

    [Fact]
    public void Settling_OfWholeClusters_CutsNothing()
    {
        Allocators holder = new(10 * Cluster);

        holder.Settle();

        Assert.Equal((1, 0), (holder.Barriers, holder.File.CountOf(StorageOperationKind.SetLength)));
    }

    [Fact]
    public void Settling_LeavesThePart_WhereTheLengthCannotBeSet()
    {
        Allocators holder = new((10 * Cluster) + 100, CannotGrow);

        holder.Settle();

        Assert.Equal((10 * Cluster) + 100, holder.File.LengthBytes);
        Assert.Equal((10 * Cluster) + 100, holder.Allocator.DurableLengthBytes);
        Assert.Equal(1, holder.Barriers);
    }

    [Fact]
    public void WithoutBarriers_AllIsTakenForDurable_AndNoneIsMade()
    {
        Allocators holder = new((10 * Cluster) + 100, withoutBarriers: true);

        holder.Settle();
        holder.EnsureLength(30);
        holder.WaitForBackground();

        Assert.Equal(long.MaxValue, holder.Allocator.DurableLengthBytes);
        Assert.Equal(0, holder.Barriers);
    }

    [Fact]
    public void BarrierThatFails_SettlesNothing_AndLetsOthersTry()
    {
        Allocators holder = new(10 * Cluster);
        holder.File.Fail(StorageOperationKind.Barrier);
        Assert.Throws<ImageException>(holder.Settle);

        Assert.Equal(ImageErrorKind.Fenced, Assert.Throws<ImageException>(holder.Settle).Kind);
    }

    [Theory]
    [InlineData(20, 21, 37)] // 16 clusters more than are needed
    [InlineData(20, 30, 46)]
    [InlineData(20, 12, 20)] // 8 are left
    [InlineData(20, 13, 36)]
    [InlineData(800, 801, 901)] // an eighth
    [InlineData(800, 750, 800)]
    [InlineData(800, 751, 900)]
    [InlineData(1 << 20, (1 << 20) + 1, (1 << 20) + 1 + 16384)] // 64 MiB
    [InlineData(1 << 20, (1 << 20) - 8192, 1 << 20)]
    [InlineData(1 << 20, (1 << 20) - 8191, (1 << 20) + 16384)]
    public void File_GrowsInSteps_BeforeTheLastIsUsedUp(int clusters, int end, int expected)
    {
        Allocators holder = new(clusters * Cluster);
        holder.Settle();

        holder.EnsureLength(end);

        Assert.Equal(expected, holder.FileClusters);
        Assert.Equal(expected * Cluster, holder.Allocator.LengthBytes);
    }

    [Fact]
    public void File_DoesNotGrowBeyondALimit()
    {
        Allocators holder = new(20 * Cluster, limitBytes: 25 * Cluster);
        holder.Settle();

        holder.EnsureLength(21);
        Assert.Equal(25, holder.FileClusters);
        holder.EnsureLength(25);
        Assert.Equal(25, holder.FileClusters);
    }

    [Fact]
    public void VolumeWithoutRoomForAStep_GivesWhatIsNeeded()
    {
        Allocators holder = new(20 * Cluster);
        holder.File.Fail(StorageOperationKind.SetLength, error: ImageErrorKind.OutOfSpace);

        holder.EnsureLength(21);

        Assert.Equal(21, holder.FileClusters);
        Assert.Equal(21 * Cluster, holder.Allocator.LengthBytes);
    }

    [Fact]
    public void VolumeWithoutAnyRoom_FailsTheRequest_AndIsAskedAgainByTheNext()
    {
        Allocators holder = new(20 * Cluster);
        holder.File.Fail(StorageOperationKind.SetLength, error: ImageErrorKind.OutOfSpace, isSticky: true);

        Assert.Equal(ImageErrorKind.OutOfSpace, Assert.Throws<ImageException>(() => holder.EnsureLength(21)).Kind);
        Assert.Equal(2, holder.File.CountOf(StorageOperationKind.SetLength));
        Assert.Equal(20 * Cluster, holder.Allocator.LengthBytes);
        holder.File.ClearFaults();
        holder.EnsureLength(21);
        Assert.Equal(37, holder.FileClusters);
    }

    [Fact]
    public void FailureOfAnotherKind_FailsTheRequest_AtOnce()
    {
        Allocators holder = new(20 * Cluster);
        holder.File.Fail(StorageOperationKind.SetLength);

        Assert.Equal(ImageErrorKind.Io, Assert.Throws<ImageException>(() => holder.EnsureLength(21)).Kind);
        Assert.Equal(1, holder.File.CountOf(StorageOperationKind.SetLength));
    }

    [Theory]
    [InlineData(ImageErrorKind.OutOfSpace)]
    [InlineData(ImageErrorKind.Io)]
    public void GrowthThatNobodyNeedsYet_MayFail(ImageErrorKind error)
    {
        Allocators holder = new(20 * Cluster);
        holder.File.Fail(StorageOperationKind.SetLength, error: error, isSticky: true);

        holder.EnsureLength(20);

        Assert.Equal(20, holder.FileClusters);
        Assert.Equal(1, holder.File.CountOf(StorageOperationKind.SetLength));
        Assert.Equal(20 * Cluster, holder.Allocator.LengthBytes);
    }

    [Fact]
    public void StorageThatCannotGrow_IsUsedUp_AndNamesItsLength()
    {
        Allocators holder = new(20 * Cluster, CannotGrow);
        holder.EnsureLength(20);

        ImageException failure = Assert.Throws<ImageException>(() => holder.EnsureLength(21));

        Assert.Equal(ImageErrorKind.OutOfSpace, failure.Kind);
        Assert.Equal("a.qed: the storage cannot grow beyond its 81920 bytes.", failure.Message);
        Assert.Equal(("allocate", 21 * Cluster), (failure.Operation, failure.OffsetBytes));
        Assert.Equal(0, holder.File.CountOf(StorageOperationKind.SetLength));
    }

    [Fact]
    public async Task WhileOneGrowsTheFile_OthersThatNeedItNotYet_DoNotWait()
    {
        Allocators holder = new(20 * Cluster);
        using StorageGate gate = holder.File.Hold(StorageOperationKind.SetLength);
        Task growing = Task.Run(() => holder.EnsureLength(21), TestContext.Current.CancellationToken);
        await gate.Reached;

        holder.EnsureLength(20);
        Task waiting = Task.Run(() => holder.EnsureLength(22), TestContext.Current.CancellationToken);

        Assert.Equal(20, holder.FileClusters);
        gate.Release();
        await growing;
        await waiting;
        Assert.Equal(37, holder.FileClusters);
        Assert.Equal(1, holder.File.CountOf(StorageOperationKind.SetLength));
    }

    [Fact]
    public void Barrier_MakesTheLengthDurable_ThatWasThereWhenItBegan()
    {
        Allocators holder = new(20 * Cluster, withoutBarriers: false);
        LengthMark before = holder.Allocator.MarkLength();
        holder.EnsureLength(21);
        holder.WaitForBackground();
        Assert.Equal(37 * Cluster, holder.Allocator.DurableLengthBytes);

        holder.Allocator.NoteDurable(before);

        Assert.Equal(37 * Cluster, holder.Allocator.DurableLengthBytes);
    }

    [Fact]
    public void BarrierInTheBackground_FollowsGrowth_BeforeItIsUsedUp_AndNotTooOften()
    {
        Allocators holder = new(20 * Cluster);
        holder.Settle();
        Assert.Equal(1, holder.Barriers);

        holder.EnsureLength(21);
        holder.WaitForBackground();
        Assert.Equal((2, 37 * Cluster), (holder.Barriers, holder.Allocator.DurableLengthBytes));

        // Grown again within the same tenth of a second: not yet.
        holder.EnsureLength(38);
        holder.WaitForBackground();
        Assert.Equal((2, 37 * Cluster), (holder.Barriers, holder.Allocator.DurableLengthBytes));
        holder.Time.Advance(TimeSpan.FromMilliseconds(99));
        holder.EnsureLength(38);
        holder.WaitForBackground();
        Assert.Equal(2, holder.Barriers);

        // And not while there is enough that is durable: a quarter of a step.
        holder.Time.Advance(TimeSpan.FromMilliseconds(1));
        holder.EnsureLength(33);
        holder.WaitForBackground();
        Assert.Equal(2, holder.Barriers);
        holder.EnsureLength(34);
        holder.WaitForBackground();
        Assert.Equal((3, 54 * Cluster), (holder.Barriers, holder.Allocator.DurableLengthBytes));

        // Nothing is left to do.
        holder.Time.Advance(TimeSpan.FromSeconds(1));
        holder.EnsureLength(40);
        holder.WaitForBackground();
        Assert.Equal(3, holder.Barriers);
    }

    [Fact]
    public async Task WhileABarrierInTheBackgroundIsUnderWay_NoOtherBegins()
    {
        Allocators holder = new(20 * Cluster);
        using StorageGate gate = holder.File.Hold(StorageOperationKind.Barrier);
        holder.EnsureLength(21);
        await gate.Reached;
        holder.Time.Advance(TimeSpan.FromSeconds(1));

        holder.EnsureLength(22);

        Assert.Equal(1, holder.Barriers);
        gate.Release();
        holder.WaitForBackground();
        holder.EnsureLength(60);
        holder.WaitForBackground();
        Assert.Equal(2, holder.Barriers);
    }

    [Fact]
    public void BarrierInTheBackgroundThatFails_FailsNobody_AndMakesNothingDurable()
    {
        Allocators holder = new(20 * Cluster);
        holder.File.Fail(StorageOperationKind.Barrier);

        holder.EnsureLength(21);
        holder.WaitForBackground();

        Assert.Equal(20 * Cluster, holder.Allocator.DurableLengthBytes);
    }

    [Fact]
    public void Trimming_CutsWhatWasNotHandedOut()
    {
        Allocators holder = new(20 * Cluster);
        holder.Settle();
        holder.Allocator.Reserve(3);
        holder.EnsureLength(23);
        Assert.Equal(39, holder.FileClusters);

        Assert.True(holder.Trim());

        Assert.Equal(23, holder.FileClusters);
        Assert.Equal(23 * Cluster, holder.Allocator.LengthBytes);
        Assert.InRange(holder.Allocator.DurableLengthBytes, 20 * Cluster, 23 * Cluster);
        Assert.False(holder.Trim());
        int barriers = holder.Barriers;
        holder.Settle();
        Assert.Equal(barriers + 1, holder.Barriers);
    }

    [Fact]
    public void Trimming_TakesBackWhatWasGivenBackAtTheEnd_AndKeepsTheRest()
    {
        Allocators holder = new(20 * Cluster);
        holder.Settle();
        Reservation[] all = [.. Enumerable.Range(0, 6).Select(_ => holder.Allocator.Reserve(1))];
        holder.EnsureLength(26);
        foreach (int i in new[] { 4, 1, 5, 3 })
        {
            holder.Allocator.GiveBack(all[i]);
        }

        Assert.True(holder.Trim());

        Assert.Equal(23, holder.FileClusters);
        Assert.Equal(23 * Cluster, holder.Allocator.AllocatedEnd);
        Assert.Equal(new Reservation(21 * Cluster, 1, IsFresh: false), holder.Allocator.Reserve(1));
        Assert.Equal(new Reservation(23 * Cluster, 1, IsFresh: true), holder.Allocator.Reserve(1));
    }

    [Fact]
    public void Trimming_OfAnImageThatNeverAllocated_LeavesItsFile()
    {
        Allocators holder = new((20 * Cluster) + 7);

        Assert.False(holder.Trim());

        Assert.Equal((20 * Cluster) + 7, holder.File.LengthBytes);
    }

    [Fact]
    public void Trimming_IsNothing_WhereTheLengthCannotBeSet()
    {
        Allocators holder = new((20 * Cluster) + 7, CannotGrow);
        holder.Settle();

        Assert.False(holder.Trim());

        Assert.Equal((20 * Cluster) + 7, holder.File.LengthBytes);
    }

    [Fact]
    public void LoweredEnd_IsCutByTrimming_AndFreshOnlyAfterABarrier()
    {
        Allocators holder = new(20 * Cluster);

        Assert.True(holder.Allocator.TryLowerEnd(20 * Cluster, 15 * Cluster));
        Assert.Equal((15 * Cluster, 15 * Cluster, 15 * Cluster), (holder.Allocator.AllocatedEnd, holder.Allocator.OpenedEnd, holder.Allocator.DurableLengthBytes));
        Assert.Equal(20, holder.FileClusters);
        Assert.True(holder.Trim());

        Assert.Equal(15, holder.FileClusters);
        holder.Settle();
        Assert.Equal(1, holder.Barriers);
        Assert.Equal(new Reservation(15 * Cluster, 1, IsFresh: true), holder.Allocator.Reserve(1));
    }

    [Fact]
    public void LoweredEnd_IsSettledAnew_BeforeTheNextAllocation()
    {
        Allocators holder = new(20 * Cluster);
        holder.Settle();
        Assert.True(holder.Allocator.TryLowerEnd(20 * Cluster, 15 * Cluster));

        holder.Settle();

        Assert.Equal((15, 2), (holder.FileClusters, holder.Barriers));
    }

    [Fact]
    public void End_IsNotLowered_WhenMoreWasHandedOutSince_OrItCannotBeCut()
    {
        Allocators holder = new(20 * Cluster);
        holder.Allocator.Reserve(1);
        Assert.False(holder.Allocator.TryLowerEnd(20 * Cluster, 15 * Cluster));
        Assert.Equal(21 * Cluster, holder.Allocator.AllocatedEnd);

        Assert.False(new Allocators(20 * Cluster, CannotGrow).Allocator.TryLowerEnd(20 * Cluster, 15 * Cluster));
    }

    [Fact]
    public void LoweringTheEnd_ForgetsWhatWasGivenBackBehindIt_AndKeepsWhatLiesBefore()
    {
        Allocators holder = new(20 * Cluster);
        Reservation[] all = [.. Enumerable.Range(0, 4).Select(_ => holder.Allocator.Reserve(1))];
        holder.Allocator.GiveBack(all[3]);
        holder.Allocator.GiveBack(all[2]);
        holder.Allocator.GiveBack(all[1]);

        Assert.True(holder.Allocator.TryLowerEnd(24 * Cluster, 22 * Cluster));

        Assert.Equal(20 * Cluster, holder.Allocator.OpenedEnd);
        Assert.Equal(new Reservation(21 * Cluster, 1, IsFresh: false), holder.Allocator.Reserve(1));
        Assert.Equal(new Reservation(22 * Cluster, 1, IsFresh: true), holder.Allocator.Reserve(1));
    }

    [Fact]
    public void BarrierThatBeganBeforeACut_SaysNothingOfTheLength()
    {
        Allocators holder = new(20 * Cluster);
        holder.Settle();
        holder.Allocator.Reserve(5);
        holder.EnsureLength(25);
        holder.WaitForBackground();
        LengthMark mark = holder.Allocator.MarkLength();
        Assert.True(holder.Trim());

        holder.Allocator.NoteDurable(mark);

        Assert.Equal(25 * Cluster, holder.Allocator.DurableLengthBytes);
    }
}
