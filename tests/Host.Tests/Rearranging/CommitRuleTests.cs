namespace QedVd.Host.Tests.Rearranging;

/// <summary>A commit into every level of a chain of five: what is copied, told, emptied, deleted and recorded.</summary>
public sealed class CommitRuleTests
{
    private const int Count = FiveLevels.Count;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public static TheoryData<int, bool, bool, bool> Cases =>
        [.. from depth in Enumerable.Range(1, Count - 1)
            from what in ((bool, bool, bool)[])[(false, false, true), (true, false, false), (false, true, false)]
            select (depth, what.Item1, what.Item2, what.Item3)];

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task TheTarget_TakesWhatLiesAboveIt_AndTheTopIsEmptiedUnlessItIsKept(int depth, bool keepsTop, bool deletes, bool isUneven)
    {
        using var chain = new FiveLevels(isUneven);
        var progress = new ProgressList();
        using VirtualDisk disk = chain.Open();
        bool[] held = Held(disk);

        CommitResult result = await disk.CommitAsync(new CommitOptions { TargetDepth = depth, KeepTop = keepsTop, DeleteSuperseded = deletes }, progress, Stop);

        long[] runs = chain.PushedRuns(0, depth);
        Assert.Equal((chain.PathOf(depth), runs.Sum()), (result.TargetPath, result.CopiedBytes));
        string[] between = chain.PathsOf(Enumerable.Range(1, depth - 1));
        Assert.Equal(deletes ? [] : between, result.SupersededPaths);
        Assert.Equal(deletes ? between : [], result.DeletedPaths);
        Assert.Equal(
            [.. Enumerable.Range(0, runs.Length + 1).Select(i => new OperationProgress(runs[..i].Sum(), runs.Sum(), "committing"))],
            progress.Reports.Where(report => report.Phase == "committing"));
        Assert.Equal(!keepsTop, progress.Reports.Any(report => report.Phase != "committing"));

        int[] left = [0, .. Enumerable.Range(depth, Count - depth)];
        Assert.Equal(chain.PathsOf(left), disk.Levels.Select(level => level.Path));
        Assert.Equal(chain.View(0), PushChain.ReadAll(disk));
        Assert.Equal(keepsTop ? held : new bool[held.Length], Held(disk));
        disk.Close();
        Assert.Equal((deletes ? left : Enumerable.Range(0, Count)).Select(FiveLevels.NameOf), chain.Files);
        Assert.Equal(left.Select(FiveLevels.NameOf), await chain.NamesFromAsync(0));
        Assert.Equal(chain.View(0), chain.Read(0));

        // A target that is longer keeps its length.
        byte[] target = chain.Read(depth);
        Assert.Equal(Math.Max(chain.LengthOf(0), chain.LengthOf(depth)), target.Length);
        Assert.Equal(chain.View(0), target[..chain.LengthOf(0)]);
        foreach (int level in left)
        {
            if (level > depth)
            {
                Assert.Equal(chain.View(level), chain.Read(level));
            }

        }

        Assert.True((await chain.Host.CheckAsync(chain.PathOf(depth), cancellationToken: Stop)).IsClean);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(0, -1)]
    [InlineData(0, 5)]
    [InlineData(3, 2)]
    public async Task ADepthThatIsNone_IsRefused(int top, int depth)
    {
        using var chain = new FiveLevels();
        using VirtualDisk disk = chain.Open(top);
        ImageException refused = await Assert.ThrowsAsync<ImageException>(async () => await disk.CommitAsync(new CommitOptions { TargetDepth = depth }, cancellationToken: Stop));
        Assert.Equal(
            FormattableString.Invariant($"{chain.PathOf(top)}: cannot commit: the level {depth} is not one beneath the top; those have the numbers 1 to {Count - 1 - top}."), refused.Message);
        Assert.Equal((ImageErrorKind.InvalidArgument, chain.PathOf(top), "commit"), (refused.Kind, refused.Path, refused.Operation));
        Assert.Equal(chain.View(top), PushChain.ReadAll(disk));
    }

    [Fact]
    public async Task ADiskWithoutParent_CannotBeCommitted()
    {
        using var chain = new FiveLevels();
        using VirtualDisk disk = chain.Open(4);
        ImageException refused = await Assert.ThrowsAsync<ImageException>(async () => await disk.CommitAsync(cancellationToken: Stop));
        Assert.Equal($"{chain.PathOf(4)}: cannot commit: the disk has one level, and no parent.", refused.Message);
        Assert.Equal((ImageErrorKind.InvalidArgument, "commit"), (refused.Kind, refused.Operation));
    }

    /// <summary>What is written after it was copied stays in the top, and only that.</summary>
    [Fact]
    public async Task WhatIsWrittenMeanwhile_StaysInTheTop()
    {
        using var chain = new FiveLevels();
        using VirtualDisk disk = chain.Open();
        byte[] expected = chain.View(0);
        bool isWritten = false;
        var progress = new ProgressList(() =>
        {
            if (!isWritten)
            {
                isWritten = true;
                disk.Write(5 * FiveLevels.Cluster, [1, 2, 3]);
            }
        });

        await disk.CommitAsync(null, progress, Stop);

        ((byte[])[1, 2, 3]).CopyTo(expected, 5 * FiveLevels.Cluster);
        Assert.True(Held(disk)[5]);
        Assert.Equal(expected, PushChain.ReadAll(disk));
        await disk.CommitAsync(cancellationToken: Stop);
        Assert.DoesNotContain(true, Held(disk));
        Assert.Equal(expected, PushChain.ReadAll(disk));
    }

    /// <summary>Which clusters the top holds itself.</summary>
    private static bool[] Held(VirtualDisk disk) =>
        [.. Enumerable.Range(0, (int)(disk.LengthBytes / FiveLevels.Cluster)).Select(c => disk.Map(c * FiveLevels.Cluster, FiveLevels.Cluster).Depth == 0)];
}
