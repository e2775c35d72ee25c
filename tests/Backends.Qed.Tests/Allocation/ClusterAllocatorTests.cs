using QedVd.TestKit;
using static QedVd.Backends.Qed.Tests.Allocation.Allocators;

namespace QedVd.Backends.Qed.Tests.Allocation;

/// <summary>Which clusters are handed out, and what becomes of those that are given back.</summary>
public sealed class ClusterAllocatorTests
{
    [Fact]
    public void Clusters_ComeFromTheEndOfTheFile_OneRunAfterTheOther()
    {
        ClusterAllocator allocator = new Allocators((10 * Cluster) + 100).Allocator;

        Assert.Equal(new Reservation(10 * Cluster, 3, IsFresh: true), allocator.Reserve(3));
        Assert.Equal(new Reservation(13 * Cluster, 1, IsFresh: true), allocator.ReserveFresh(1));
        Assert.Equal(14 * Cluster, allocator.AllocatedEnd);
        Assert.Equal(10 * Cluster, allocator.OpenedEnd);
    }

    [Fact]
    public void WithdrawnClusters_AreFreshAgain_WhenTheyWereTheLast()
    {
        ClusterAllocator allocator = new Allocators(10 * Cluster).Allocator;

        allocator.Withdraw(allocator.Reserve(3));

        Assert.Equal(10 * Cluster, allocator.AllocatedEnd);
        Assert.Equal(new Reservation(10 * Cluster, 2, IsFresh: true), allocator.Reserve(2));
    }

    [Fact]
    public void WithdrawnClusters_AreNotFresh_WhenOthersWereHandedOutSince_OrTheyWereUsedBefore()
    {
        ClusterAllocator allocator = new Allocators(10 * Cluster).Allocator;
        Reservation first = allocator.Reserve(2);
        allocator.Reserve(1);

        allocator.Withdraw(first);
        Reservation again = allocator.Reserve(2);
        Assert.Equal(new Reservation(10 * Cluster, 2, IsFresh: false), again);

        allocator.Withdraw(again);
        Assert.Equal(again, allocator.Reserve(2));
    }

    [Fact]
    public void UsedClustersAtTheEnd_AreNeverFreshAgain()
    {
        ClusterAllocator allocator = new Allocators(10 * Cluster).Allocator;
        allocator.GiveBack(allocator.Reserve(1));

        allocator.Withdraw(allocator.Reserve(1));

        Assert.Equal(11 * Cluster, allocator.AllocatedEnd);
        Assert.Equal(new Reservation(10 * Cluster, 1, IsFresh: false), allocator.Reserve(1));
    }

    [Fact]
    public void ClustersThatWereGivenBack_AreTakenFirst_AsTheRunsThatTheyAre()
    {
        ClusterAllocator allocator = new Allocators(10 * Cluster).Allocator;
        Reservation low = allocator.Reserve(3);
        allocator.Reserve(1);
        Reservation high = allocator.Reserve(2);
        allocator.GiveBack(high);
        allocator.GiveBack(low);

        Assert.Equal(new Reservation(10 * Cluster, 2, IsFresh: false), allocator.Reserve(2));
        Assert.Equal(new Reservation(12 * Cluster, 1, IsFresh: false), allocator.Reserve(9));
        Assert.Equal(new Reservation(16 * Cluster, 1, IsFresh: true), allocator.ReserveFresh(1));
        Assert.Equal(new Reservation(14 * Cluster, 2, IsFresh: false), allocator.Reserve(9));
        Assert.Equal(new Reservation(17 * Cluster, 9, IsFresh: true), allocator.Reserve(9));
    }

    [Fact]
    public void ClustersThatSomebodyElseTookOver_AreNotHandedOut()
    {
        ClusterAllocator allocator = new Allocators(10 * Cluster).Allocator;
        allocator.GiveBack(allocator.Reserve(3));

        allocator.ForgetRecycled();

        Reservation next = allocator.Reserve(1);
        Assert.Equal(new Reservation(13 * Cluster, 1, IsFresh: true), next);
        allocator.GiveBack(next);
        Assert.Equal(next with { IsFresh = false }, allocator.Reserve(1));
        Assert.Equal(new Reservation(14 * Cluster, 1, IsFresh: true), allocator.Reserve(1));
    }

    [Fact]
    public void BelowALimit_AllIsHandedOut_AndNothingBeyond()
    {
        ClusterAllocator allocator = new Allocators(10 * Cluster, limitBytes: 13 * Cluster).Allocator;
        allocator.Reserve(1);

        ImageException failure = Assert.Throws<ImageException>(() => allocator.Reserve(3));

        Assert.Equal(ImageErrorKind.Corrupt, failure.Kind);
        Assert.Equal(
            "a.qed: no new cluster at 45056: a damaged L1 entry names 53248, and what is written there would be taken for its table. To repair: qedvd check -r all a.qed",
            failure.Message);
        Assert.Equal(("allocate", 11 * Cluster), (failure.Operation, failure.OffsetBytes));
        Assert.Equal(new Reservation(11 * Cluster, 2, IsFresh: true), allocator.Reserve(2));
        Assert.Throws<ImageException>(() => allocator.Reserve(1));
    }

    [Fact]
    public void OffsetsThatDoNotFit63Bits_AreNotHandedOut()
    {
        Allocators holder = new(10 * Cluster);
        long last = QedGeometry.LargestVirtualSizeBytes - (64 << 20) - (4 * Cluster);
        ClusterAllocator allocator = holder.Allocator;
        allocator.Restart(holder.StartOf(holder.File.Open(), last - (last % Cluster)));

        ImageException failure = Assert.Throws<ImageException>(() => allocator.Reserve(3));

        Assert.Equal(ImageErrorKind.OutOfSpace, failure.Kind);
        Assert.Equal("a.qed: no offsets left for 3 clusters.", failure.Message);
        Assert.Equal("allocate", failure.Operation);
        Assert.Equal(1, allocator.Reserve(1).Clusters);
    }

    [Fact]
    public void StartingOver_ForgetsAllOfBefore()
    {
        Allocators holder = new(10 * Cluster, limitBytes: 14 * Cluster);
        ClusterAllocator allocator = holder.Allocator;
        holder.Settle();
        allocator.GiveBack(allocator.Reserve(3));

        allocator.Restart(holder.StartOf(holder.File.Open(), (20 * Cluster) + 5));

        Assert.Equal((20 * Cluster, 20 * Cluster, (20 * Cluster) + 5, 20 * Cluster), (allocator.OpenedEnd, allocator.AllocatedEnd, allocator.LengthBytes, allocator.DurableLengthBytes));
        Assert.Equal(new Reservation(20 * Cluster, 7, IsFresh: true), allocator.Reserve(7));
        int barriers = holder.Barriers;
        holder.Settle();
        Assert.Equal(barriers + 1, holder.Barriers);
    }

    [Fact]
    public void EndThatIsTrusted_IsTheOneOfNow()
    {
        ClusterAllocator allocator = new Allocators(10 * Cluster).Allocator;
        allocator.Reserve(3);
        Assert.Equal(10 * Cluster, allocator.OpenedEnd);

        allocator.TrustUpToEnd();

        Assert.Equal(13 * Cluster, allocator.OpenedEnd);
    }

    [Fact]
    public void FileThatSomebodyElseMakesLonger_IsNoticedOnce_WhereItIsOnlyRead()
    {
        Allocators holder = new(10 * Cluster, isReadOnly: true);
        Assert.False(holder.Allocator.HasFileGrown());
        using SimulatedStorage other = holder.File.Open();

        other.SetLength((11 * Cluster) - 1);
        Assert.False(holder.Allocator.HasFileGrown());
        other.SetLength(11 * Cluster);
        Assert.True(holder.Allocator.HasFileGrown());
        Assert.Equal(11 * Cluster, holder.Allocator.OpenedEnd);
        Assert.False(holder.Allocator.HasFileGrown());
    }

    [Fact]
    public void FileThatGrows_IsOurOwnWork_WhereItIsWritten()
    {
        Allocators holder = new(10 * Cluster);
        using SimulatedStorage other = holder.File.Open();
        other.SetLength(20 * Cluster);

        Assert.False(holder.Allocator.HasFileGrown());
        Assert.Equal(10 * Cluster, holder.Allocator.OpenedEnd);
    }
}
