using QedVd.Host.Tests.Chains;
using QedVd.Host.Tests.Operations;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>Which direction a merge takes when it may choose and not everything is possible.</summary>
public sealed class MergeChoiceTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>Downwards would cost less each time; but a top that cannot be deleted, and is to be, is better off as the survivor.</summary>
    [Theory]
    [InlineData(0, 1, false, MergeDirection.Up)]
    [InlineData(0, 1, true, MergeDirection.Down)]
    [InlineData(3, 4, false, MergeDirection.Down)]
    public async Task BesideAnImageThatMayNeedThem_TheTopSurvives_AndFilesStay(int from, int to, bool keeps, MergeDirection expected)
    {
        using var chain = new FiveLevels();
        Assert.True(chain.PushedRuns(from, to).Sum() < chain.PulledBytes(from, to));
        var options = new CreateDiskOptions { VirtualSizeBytes = 4096, ParentName = "nbd:host:1", DoNotOpenParent = true };
        await chain.Host.CreateImageAsync(Path.Combine(chain.Folder, "uncertain.qed"), "qed", options, cancellationToken: Stop);

        MergeResult result = await chain.Host.MergeAsync(chain.PathOf(0), new MergeOptions { FromDepth = from, ToDepth = to, KeepFiles = keeps }, cancellationToken: Stop);

        Assert.Equal(expected, result.Direction);
        Assert.Empty(result.RemovedPaths);
        Assert.Equal(chain.PathsOf(expected == MergeDirection.Up ? to : from), result.KeptPaths);
        Assert.Equal(FiveLevels.Count + 1, chain.Files.Length);
    }

    [Fact]
    public async Task WhereUpwardsIsImpossible_DownwardsIsTaken()
    {
        BlockImage low = new("low", 2048, 512) { InitialFlags = ImageOpenFlags.ReadOnly };
        using VirtualDisk disk = TestDisks.Compose(TestDisks.Filled("top", 2048, 512, 7), low);
        Assert.Equal(MergeDirection.Down, (await disk.MergeAsync(cancellationToken: Stop)).Direction);
        Assert.Equal(7, TestDisks.ReadAll(disk)[^1]);
    }

    [Fact]
    public async Task OverADiskThatMayBeWritten_NothingIsMergedUpwards()
    {
        using var test = new TestHost();
        using VirtualDisk parent = test.Host.OpenDisk(test.Qed("base.qed", 65536));
        using VirtualDisk disk = test.Host.OpenDisk(test.Qed("low.qed", 65536), new DiskOpenOptions { ParentDisk = parent });
        await disk.SnapshotAsync(test["top.qed"], cancellationToken: Stop);

        ImageException refused = await Assert.ThrowsAsync<ImageException>(async () => await disk.MergeAsync(new MergeOptions { Direction = MergeDirection.Up }, cancellationToken: Stop));

        Assert.Equal(ImageErrorKind.InvalidArgument, refused.Kind);
        Assert.EndsWith("Make that disk read-only, and open this one again to merge it.", refused.Message, StringComparison.Ordinal);
        Assert.Equal(3, disk.Levels.Count);
    }

    [Fact]
    public async Task AfterTheParentWasRenamed_TheChainIsNotRearranged()
    {
        using var chain = new FiveLevels();
        using VirtualDisk disk = chain.Open();
        await disk.SetParentNameAsync(chain.PathOf(2), cancellationToken: Stop);
        ImageException refused = await Assert.ThrowsAsync<ImageException>(async () => await disk.MergeAsync(cancellationToken: Stop));
        Assert.Equal(
            $"{chain.PathOf(0)}: the parent's name was changed since the disk was opened, so that its chain is not the one that the image names. To merge it, open it again.", refused.Message);
        Assert.Equal((ImageErrorKind.InvalidArgument, chain.PathOf(0), "merge"), (refused.Kind, refused.Path, refused.Operation));
    }
}
