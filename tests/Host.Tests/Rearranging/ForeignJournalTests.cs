using QedVd.Host.Tests.Operations;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>Journals that fit the chain in part only, as after somebody has rearranged it by other means: nothing is merged, and nothing deleted, by guess.</summary>
public sealed class ForeignJournalTests
{
    private const int Count = FiveLevels.Count;
    private const int None = Count;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>The survivor, the neighbour, and those that go.</summary>
    [Theory]
    [InlineData(MergeDirection.Down, 1, 4, 2, 3)]
    [InlineData(MergeDirection.Down, 2, 3, 0, 1)]
    [InlineData(MergeDirection.Down, 3, 0, 1)]
    [InlineData(MergeDirection.Down, 4, 0, 1, 3)]
    [InlineData(MergeDirection.Down, 3, 0, 4)]
    [InlineData(MergeDirection.Up, 3, 0, 1, 2)]
    [InlineData(MergeDirection.Up, 0, 4, 2, 3)]
    [InlineData(MergeDirection.Up, 0, 4, 1, 3)]
    [InlineData(MergeDirection.Up, 1, None, 3, 4)]
    [InlineData(MergeDirection.Up, 2, 4, 1)]
    public async Task AJournalThatDoesNotFitTheChain_IsNotFinished(MergeDirection direction, int survivor, int neighbour, params int[] files)
    {
        using var chain = new FiveLevels();
        await Journal(chain, direction, survivor, neighbour, files).WriteAsync(chain.PathOf(survivor), Stop);
        await AssertRefusedAsync(chain, 0, survivor);
    }

    /// <summary>No link was changed yet, so that nothing depends on the neighbour.</summary>
    [Theory]
    [InlineData(MergeDirection.Down, 4, 1, 3)]
    [InlineData(MergeDirection.Up, 0, 4, 1, 2)]
    [InlineData(MergeDirection.Up, 0, None, 1, 2, 3)]
    public async Task AnotherNeighbour_IsNoObstacle_AndOnlyWhatTheJournalNamesGoes(MergeDirection direction, int survivor, int neighbour, params int[] files)
    {
        using var chain = new FiveLevels();
        await Journal(chain, direction, survivor, neighbour, files).WriteAsync(chain.PathOf(survivor), Stop);

        MergeResult result = await chain.Host.MergeAsync(chain.PathOf(0), cancellationToken: Stop);

        Assert.Equal(files.Select(chain.PathOf).Order(), result.RemovedPaths.Order());
        Assert.Equal(Enumerable.Range(0, Count).Except(files).Select(FiveLevels.NameOf), chain.Files);
        Assert.Equal(chain.View(0), chain.Read(0));
    }

    [Fact]
    public async Task ASurvivorThatIsToGoItself_IsNoMergeToFinish()
    {
        using var chain = new FiveLevels();
        await (Journal(chain, MergeDirection.Down, 0, 0) with { TakesTop = true }).WriteAsync(chain.PathOf(0), Stop);

        MergeResult result = await chain.Host.MergeAsync(chain.PathOf(0), new MergeOptions { Direction = MergeDirection.Up }, cancellationToken: Stop);

        Assert.Equal((chain.PathOf(0), chain.PathOf(1)), (result.SurvivorPath, Assert.Single(result.RemovedPaths)));
        Assert.Equal(chain.View(0), chain.Read(0));
    }

    /// <summary>From one of those that go it cannot be seen what lies above.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task OpenedByALevelThatGoes_ItIsNotFinished(int opened)
    {
        using var chain = new FiveLevels();
        await chain.Journal(1, 3, MergeDirection.Down, keeps: false).WriteAsync(chain.PathOf(3), Stop);
        await AssertRefusedAsync(chain, opened, 3, $"merge the chain of '{chain.PathOf(0)}' instead");
    }

    /// <summary>The disk would have gone on with the survivor alone: what lies above it is not the disk that was merged.</summary>
    [Fact]
    public async Task ATopThatIsGone_IsNotTakenForMerged_ByAnotherDiskOverTheSurvivor()
    {
        using var chain = new FiveLevels();
        await (chain.Journal(0, 2, MergeDirection.Down, keeps: false) with { IsTopCopied = true, Files = [] }).WriteAsync(chain.PathOf(2), Stop);
        File.Delete(chain.PathOf(0));
        await AssertRefusedAsync(chain, 1, 2, $"'{chain.PathOf(0)}' is not there any more");
    }

    /// <summary>A merge was given up whose top has got a level above it since. Its files go only when they were to, and all of them had left the chain.</summary>
    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public async Task WhatAGivenUpMergeHasLeft_StaysUnlessAllOfItWasToGo_AndHadLeftTheChain(bool keeps, bool isPartInChain)
    {
        using var chain = new FiveLevels();
        var options = new CreateDiskOptions { VirtualSizeBytes = FiveLevels.Cluster, ParentName = FiveLevels.NameOf(3), ParentFormat = "qed" };
        string left = Path.Combine(chain.Folder, "left.qed");
        await chain.Host.CreateImageAsync(left, "qed", options, cancellationToken: Stop);
        JournalFile[] files = [TestHost.JournalFileAt(left), .. isPartInChain ? [TestHost.JournalFileAt(chain.PathOf(2))] : Array.Empty<JournalFile>()];
        await (Journal(chain, MergeDirection.Down, 3, 1) with { TakesTop = true, KeepsFiles = keeps, Files = files }).WriteAsync(chain.PathOf(3), Stop);

        MergeResult result = await chain.Host.MergeAsync(chain.PathOf(0), new MergeOptions { Direction = MergeDirection.Up }, cancellationToken: Stop);

        Assert.Equal((chain.PathOf(0), chain.PathOf(1)), (result.SurvivorPath, Assert.Single(result.RemovedPaths)));
        string[] expected = [.. ((int[])[0, 2, 3, 4]).Select(FiveLevels.NameOf), .. keeps || isPartInChain ? ["left.qed"] : Array.Empty<string>()];
        Assert.Equal(expected, chain.Files);
        Assert.Equal(chain.View(0), chain.Read(0));
    }

    /// <summary>Besides those that the chain still has, the journal names one that has left it.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WhatHadLeftTheChainAlready_IsToldWithWhatLeavesItNow(bool keeps)
    {
        using var chain = new FiveLevels();
        var options = new CreateDiskOptions { VirtualSizeBytes = FiveLevels.Cluster, ParentName = FiveLevels.NameOf(3), ParentFormat = "qed" };
        string left = Path.Combine(chain.Folder, "left.qed");
        await chain.Host.CreateImageAsync(left, "qed", options, cancellationToken: Stop);
        MergeJournal journal = chain.Journal(1, 3, MergeDirection.Down, keeps);
        await (journal with { Files = [.. journal.Files, TestHost.JournalFileAt(left)] }).WriteAsync(chain.PathOf(3), Stop);

        MergeResult result = await chain.Host.MergeAsync(chain.PathOf(0), cancellationToken: Stop);

        string[] gone = [.. chain.PathsOf(1, 2), left];
        Assert.Equal(keeps ? [] : gone, result.RemovedPaths);
        Assert.Equal(keeps ? gone : [], result.KeptPaths);
        Assert.Equal(gone.Select(path => keeps), gone.Select(File.Exists));
        Assert.Equal(chain.View(0), chain.Read(0));
    }

    private static MergeJournal Journal(FiveLevels chain, MergeDirection direction, int survivor, int neighbour, params int[] files) => new()
    {
        Survivor = FilePeek.At(chain.PathOf(survivor)).Mark,
        SurvivorFormat = "qed",
        Direction = direction,
        Neighbour = neighbour == None ? null : TestHost.JournalFileAt(chain.PathOf(neighbour)),
        TakesTop = false,
        KeepsFiles = false,
        Files = [.. files.Select(file => TestHost.JournalFileAt(chain.PathOf(file)))],
    };

    private static async Task AssertRefusedAsync(FiveLevels chain, int opened, int survivor, string why = "the chain has other levels now")
    {
        string[] before = chain.Files;
        ImageException refused = await Assert.ThrowsAsync<ImageException>(async () => await chain.Host.MergeAsync(chain.PathOf(opened), cancellationToken: Stop));
        Assert.Equal(
            $"{chain.PathOf(opened)}: a merge into '{chain.PathOf(survivor)}' was interrupted, and cannot be finished from here: {why}. If nothing is left of that, remove '{MergeJournal.PathOf(chain.PathOf(survivor))}'.",
            refused.Message);
        Assert.Equal(ImageErrorKind.InvalidArgument, refused.Kind);
        Assert.Equal(before, chain.Files);
        Assert.Equal(Enumerable.Range(opened, Count - opened).Select(FiveLevels.NameOf), await chain.NamesFromAsync(opened));
    }
}
