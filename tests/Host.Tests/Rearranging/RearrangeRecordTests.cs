namespace QedVd.Host.Tests.Rearranging;

/// <summary>What is counted, told and recorded when a chain of five gets other parents, and journals that are not the operation's own.</summary>
public sealed class RearrangeRecordTests
{
    private const int Count = FiveLevels.Count;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public static TheoryData<int, bool> Parents => [.. Enumerable.Range(1, Count).SelectMany(parent => (IEnumerable<(int, bool)>)[(parent, false), (parent, true)])];

    /// <summary>One of its own levels, or none.</summary>
    [Theory]
    [MemberData(nameof(Parents))]
    public async Task ARebase_CopiesWhatTheLevelsThatAreLeftOutHeld(int parent, bool isUneven)
    {
        using var chain = new FiveLevels(isUneven);
        var progress = new ProgressList();

        OperationResult result = parent < Count
            ? await chain.Host.RebaseAsync(chain.PathOf(0), chain.PathOf(parent), progress: progress, cancellationToken: Stop)
            : await chain.Host.FlattenAsync(chain.PathOf(0), progress: progress, cancellationToken: Stop);

        long copied = parent == 1 ? 0 : chain.PulledBytes(0, parent - 1);
        Assert.Equal(new OperationResult(chain.LengthOf(0), copied, chain.LengthOf(0) - copied), result);
        Assert.Equal(new OperationProgress(chain.LengthOf(0), chain.LengthOf(0), "copying from the parents"), progress.Reports[^1]);
        int[] left = [0, .. Enumerable.Range(parent, Count - parent)];
        Assert.Equal(left.Select(FiveLevels.NameOf), await chain.NamesFromAsync(0));
        Assert.Equal(chain.View(0), chain.Read(0));
        Assert.Equal(Count, chain.Files.Length);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AParentsName_StaysAbsoluteOrRelative_AsItWas(bool isAbsolute)
    {
        using var chain = new FiveLevels();
        await chain.Host.SetParentNameAsync(chain.PathOf(1), chain.PathOf(2), new SetParentOptions { AbsoluteName = isAbsolute }, cancellationToken: Stop);
        string Named(int level) => isAbsolute ? chain.PathOf(level) : FiveLevels.NameOf(level);

        await chain.Host.MergeAsync(chain.PathOf(0), new MergeOptions { FromDepth = 2, ToDepth = 3, Direction = MergeDirection.Down }, cancellationToken: Stop);
        Assert.Equal(Named(3), await chain.ParentNameOfAsync(1));

        await chain.Host.MergeAsync(chain.PathOf(0), new MergeOptions { FromDepth = 1, ToDepth = 2, Direction = MergeDirection.Up }, cancellationToken: Stop);
        Assert.Equal(Named(4), await chain.ParentNameOfAsync(1));
        Assert.Equal(FiveLevels.NameOf(1), await chain.ParentNameOfAsync(0));
        Assert.Equal(chain.View(0), chain.Read(0));

        await chain.Host.MergeAsync(chain.PathOf(0), new MergeOptions { FromDepth = 1, ToDepth = 2, Direction = MergeDirection.Up }, cancellationToken: Stop);
        Assert.Null(await chain.ParentNameOfAsync(1));
    }

    [Fact]
    public async Task ACommitIntoTheParent_LeavesAJournalBesideItAlone()
    {
        using var chain = new FiveLevels();
        MergeJournal journal = chain.Journal(1, 2, MergeDirection.Up, keeps: false);
        await journal.WriteAsync(chain.PathOf(1), Stop);

        await chain.Host.CommitAsync(chain.PathOf(0), cancellationToken: Stop);

        Assert.Equal(journal.Files, (await MergeJournal.ReadAsync(chain.PathOf(1), journal.Survivor, Stop))!.Files);
        Assert.Equal(Count + 1, chain.Files.Length);
        Assert.Equal(chain.View(0), chain.Read(0));
    }

    [Fact]
    public async Task ACommitPastLevels_IntoWhatAMergeOfTheLowestHasNotFinished_HasNoChainToName()
    {
        using var chain = new FiveLevels();
        await chain.Journal(3, 4, MergeDirection.Up, keeps: false).WriteAsync(chain.PathOf(3), Stop);

        ImageException refused = await Assert.ThrowsAsync<ImageException>(async () => await chain.Host.CommitAsync(chain.PathOf(0), new CommitOptions { TargetDepth = 3 }, cancellationToken: Stop));

        Assert.Equal(
            $"{chain.PathOf(0)}: cannot commit past levels into '{chain.PathOf(3)}': another merge or commit into it was interrupted. If nothing is left of that, remove '{MergeJournal.PathOf(chain.PathOf(3))}'.",
            refused.Message);
        Assert.Equal(chain.View(3), chain.Read(3));
    }

    /// <summary>The top may hold what the survivor has not got yet.</summary>
    [Fact]
    public async Task AMergeThatTakesTheTop_IsNotFinishedFromItsSurvivor_WhileTheTopIsThere()
    {
        using var chain = new FiveLevels();
        MergeJournal journal = chain.Journal(0, 2, MergeDirection.Down, keeps: false);
        await journal.WriteAsync(chain.PathOf(2), Stop);
        using (VirtualDisk survivor = chain.Open(2))
        {
            ImageException refused = await Assert.ThrowsAsync<ImageException>(async () => await survivor.MergeAsync(cancellationToken: Stop));
            Assert.Equal(ImageErrorKind.InvalidArgument, refused.Kind);
            Assert.Contains($"merge the chain of '{chain.PathOf(0)}' instead", refused.Message, StringComparison.Ordinal);
        }

        Assert.Equal(Count + 1, chain.Files.Length);
    }

    /// <summary>Some of the files are gone already, and one of a level that others still need stays.</summary>
    [Fact]
    public async Task WhatIsLeftOfSomeFiles_IsTold()
    {
        using var chain = new FiveLevels();
        MergeJournal journal = chain.Journal(1, 4, MergeDirection.Down, keeps: false);
        await chain.Host.MergeAsync(chain.PathOf(0), new MergeOptions { FromDepth = 1, ToDepth = 4, Direction = MergeDirection.Down, KeepFiles = true }, cancellationToken: Stop);
        await journal.WriteAsync(chain.PathOf(4), Stop);
        File.Delete(chain.PathOf(1));
        using FileStorage user = FileStorage.Open(chain.PathOf(2), new FileStorageOptions { ReadOnly = true });

        MergeResult result = (await chain.Host.FinishMergeAsync(chain.PathOf(4), cancellationToken: Stop))!;

        Assert.Equal(chain.PathsOf(1, 3), result.RemovedPaths);
        Assert.Equal(chain.PathsOf(2), result.KeptPaths);
        Assert.Equal([FiveLevels.NameOf(0), FiveLevels.NameOf(2), FiveLevels.NameOf(4)], chain.Files);
    }
}
