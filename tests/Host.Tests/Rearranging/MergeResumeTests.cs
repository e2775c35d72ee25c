namespace QedVd.Host.Tests.Rearranging;

/// <summary>Every range of a chain of five whose merge was interrupted, at its beginning and at its end, is finished, whatever is asked for.</summary>
public sealed class MergeResumeTests
{
    private const int Count = FiveLevels.Count;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public static TheoryData<int, int, MergeDirection, bool> Cases =>
        [.. MergeRuleTests.Ranges.SelectMany(range => (IEnumerable<(int, int, MergeDirection, bool)>)[
            (range.From, range.To, MergeDirection.Down, range.To % 2 == 0), (range.From, range.To, MergeDirection.Up, range.To % 2 == 1)])];

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task BeforeItsFirstLink_AllIsDoneAgain(int from, int to, MergeDirection direction, bool keeps)
    {
        using var chain = new FiveLevels();
        int survivor = direction == MergeDirection.Down ? to : from;
        await chain.Journal(from, to, direction, keeps).WriteAsync(chain.PathOf(survivor), Stop);

        MergeResult result = await chain.Host.MergeAsync(chain.PathOf(0), new MergeOptions { FromDepth = 1, ToDepth = 4, KeepFiles = !keeps }, cancellationToken: Stop);

        long copied = direction == MergeDirection.Down ? chain.PushedRuns(from, to).Sum() : chain.PulledBytes(from, to);
        Assert.Equal((direction, chain.PathOf(survivor), copied), (result.Direction, result.SurvivorPath, result.CopiedBytes));
        int[] gone = [.. Enumerable.Range(from, to - from + 1).Where(depth => depth != survivor)];
        Assert.Equal(keeps ? [] : chain.PathsOf(gone), result.RemovedPaths.Order());
        Assert.Equal(keeps ? chain.PathsOf(gone) : [], result.KeptPaths);
        await AssertChainAsync(chain, [.. Enumerable.Range(0, Count).Except(gone)], keeps);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task BehindItsLastLink_TheFilesThatAreLeftAreDeleted(int from, int to, MergeDirection direction, bool keeps)
    {
        using var chain = new FiveLevels();
        int survivor = direction == MergeDirection.Down ? to : from;
        MergeJournal journal = chain.Journal(from, to, direction, keeps);
        await chain.Host.MergeAsync(chain.PathOf(0), new MergeOptions { FromDepth = from, ToDepth = to, Direction = direction, KeepFiles = true }, cancellationToken: Stop);
        await (journal with { IsTopCopied = journal.TakesTop }).WriteAsync(chain.PathOf(survivor), Stop);
        if (journal.TakesTop)
        {
            File.Delete(chain.PathOf(0));
        }

        MergeResult result = await chain.Host.MergeAsync(chain.PathOf(0), new MergeOptions { FromDepth = 7, KeepFiles = !keeps }, cancellationToken: Stop);

        Assert.Equal((direction, chain.PathOf(survivor), 0), (result.Direction, result.SurvivorPath, result.CopiedBytes));
        int[] files = [.. Enumerable.Range(from, to - from + 1).Where(depth => depth != survivor && (depth > 0 || direction == MergeDirection.Up))];
        Assert.Equal([.. journal.TakesTop ? chain.PathsOf(0) : [], .. keeps ? [] : chain.PathsOf(files)], result.RemovedPaths);
        Assert.Equal(keeps ? chain.PathsOf(files) : [], result.KeptPaths);
        int[] left = [.. Enumerable.Range(0, Count).Where(depth => depth == survivor || depth < from || depth > to)];
        Assert.Equal(left.Concat(keeps ? files : []).Order().Select(FiveLevels.NameOf), chain.Files);
        Assert.Equal(chain.View(0), chain.Read(left[0]));
        Assert.Null(await chain.Host.FinishMergeAsync(chain.PathOf(survivor), cancellationToken: Stop));
    }

    /// <summary>From the survivor alone: downwards the level above it must be seen, and is opened when it lies beside it.</summary>
    [Theory]
    [InlineData(1, 3, MergeDirection.Down)]
    [InlineData(0, 2, MergeDirection.Down)]
    [InlineData(1, 3, MergeDirection.Up)]
    [InlineData(2, 4, MergeDirection.Up)]
    public async Task FinishedFromTheSurvivor(int from, int to, MergeDirection direction)
    {
        using var chain = new FiveLevels();
        int survivor = direction == MergeDirection.Down ? to : from;
        await chain.Journal(from, to, direction, keeps: false).WriteAsync(chain.PathOf(survivor), Stop);

        MergeResult? result = await chain.Host.FinishMergeAsync(chain.PathOf(survivor), cancellationToken: Stop);

        Assert.Equal((direction, chain.PathOf(survivor)), (result!.Direction, result.SurvivorPath));
        int[] gone = [.. Enumerable.Range(from, to - from + 1).Where(depth => depth != survivor)];
        await AssertChainAsync(chain, [.. Enumerable.Range(0, Count).Except(gone)], keeps: false);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task ACommitPastLevels_IsFinished_WhateverDepthIsAskedForNow(int depth)
    {
        foreach (bool isLinked in (bool[])[false, true])
        {
            foreach (bool deletes in (bool[])[false, true])
            {
                using var chain = new FiveLevels();
                MergeJournal journal = chain.Journal(0, depth, MergeDirection.Down, keeps: true, isCommit: true);
                if (isLinked)
                {
                    await chain.Host.CommitAsync(chain.PathOf(0), new CommitOptions { TargetDepth = depth, KeepTop = true }, cancellationToken: Stop);
                }

                await journal.WriteAsync(chain.PathOf(depth), Stop);

                CommitResult result = await chain.Host.CommitAsync(chain.PathOf(0), new CommitOptions { DeleteSuperseded = deletes }, cancellationToken: Stop);

                Assert.Equal(chain.PathOf(depth), result.TargetPath);
                string[] between = chain.PathsOf(Enumerable.Range(1, depth - 1));
                Assert.Equal(deletes ? [] : between, result.SupersededPaths);
                Assert.Equal(deletes ? between : [], result.DeletedPaths);
                int[] left = [0, .. Enumerable.Range(depth, Count - depth)];
                await AssertChainAsync(chain, left, keeps: !deletes);
            }
        }
    }

    /// <summary>There is nothing to tidy up behind a commit.</summary>
    [Fact]
    public async Task AMerge_RemovesTheJournalOfACommit_AndDoesWhatItIsAskedFor()
    {
        using var chain = new FiveLevels();
        await chain.Journal(0, 3, MergeDirection.Down, keeps: true, isCommit: true).WriteAsync(chain.PathOf(3), Stop);

        MergeResult result = await chain.Host.MergeAsync(chain.PathOf(0), new MergeOptions { Direction = MergeDirection.Up }, cancellationToken: Stop);

        Assert.Equal((chain.PathOf(0), chain.PathOf(1)), (result.SurvivorPath, Assert.Single(result.RemovedPaths)));
        await AssertChainAsync(chain, [0, 2, 3, 4], keeps: false);
    }

    [Fact]
    public async Task ACommit_TidiesUpBehindAMerge_OrLetsItBeWhereItsLinksAreNotDone()
    {
        using var chain = new FiveLevels();
        MergeJournal journal = chain.Journal(2, 3, MergeDirection.Down, keeps: false);
        await journal.WriteAsync(chain.PathOf(3), Stop);
        await chain.Host.CommitAsync(chain.PathOf(0), cancellationToken: Stop);
        Assert.Equal([Path.GetFileName(MergeJournal.PathOf(chain.PathOf(3))), .. Enumerable.Range(0, Count).Select(FiveLevels.NameOf)], chain.Files);

        ImageException refused = await Assert.ThrowsAsync<ImageException>(async () => await chain.Host.CommitAsync(chain.PathOf(0), new CommitOptions { TargetDepth = 3 }, cancellationToken: Stop));
        Assert.Equal(
            $"{chain.PathOf(0)}: cannot commit past levels into '{chain.PathOf(3)}': another merge or commit into it was interrupted. Merge the chain of '{chain.PathOf(1)}' first. If nothing is left of that, remove '{MergeJournal.PathOf(chain.PathOf(3))}'.",
            refused.Message);
        Assert.Equal((ImageErrorKind.InvalidArgument, chain.PathOf(0), "commit"), (refused.Kind, refused.Path, refused.Operation));

        File.Delete(MergeJournal.PathOf(chain.PathOf(3)));
        await chain.Host.MergeAsync(chain.PathOf(0), new MergeOptions { FromDepth = 2, ToDepth = 3, Direction = MergeDirection.Down, KeepFiles = true }, cancellationToken: Stop);
        await journal.WriteAsync(chain.PathOf(3), Stop);
        CommitResult result = await chain.Host.CommitAsync(chain.PathOf(0), cancellationToken: Stop);
        Assert.Equal(chain.PathOf(1), result.TargetPath);
        Assert.Empty(result.DeletedPaths);
        await AssertChainAsync(chain, [0, 1, 3, 4], keeps: false);
    }

    /// <summary>A level beneath alone does not show whether the merge from above has come to its end.</summary>
    [Fact]
    public async Task FromWhereItCannotBeSeen_ItIsNotFinished_AndTheMessageNamesWhere()
    {
        using var chain = new FiveLevels();
        await chain.Journal(1, 2, MergeDirection.Down, keeps: false).WriteAsync(chain.PathOf(2), Stop);

        ImageException refused = await Assert.ThrowsAsync<ImageException>(async () => await chain.Host.MergeAsync(chain.PathOf(2), cancellationToken: Stop));

        Assert.Equal(
            $"{chain.PathOf(2)}: a merge into '{chain.PathOf(2)}' was interrupted, and cannot be finished from here: merge the chain of '{chain.PathOf(0)}' instead. If nothing is left of that, remove '{MergeJournal.PathOf(chain.PathOf(2))}'.",
            refused.Message);
        Assert.Equal((ImageErrorKind.InvalidArgument, chain.PathOf(2), "merge"), (refused.Kind, refused.Path, refused.Operation));
        Assert.Equal(Count + 1, chain.Files.Length);
    }

    private static async Task AssertChainAsync(FiveLevels chain, int[] left, bool keeps)
    {
        Assert.Equal((keeps ? Enumerable.Range(0, Count) : left).Select(FiveLevels.NameOf), chain.Files);
        Assert.Equal(left.Select(FiveLevels.NameOf), await chain.NamesFromAsync(left[0]));
        Assert.Equal(chain.View(0), chain.Read(left[0]));
    }
}
