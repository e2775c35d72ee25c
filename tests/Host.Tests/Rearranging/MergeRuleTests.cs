namespace QedVd.Host.Tests.Rearranging;

/// <summary>Every range of a chain of five, in both directions: what is copied, told, deleted, kept and recorded.</summary>
public sealed class MergeRuleTests
{
    private const int Count = FiveLevels.Count;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public static TheoryData<int, int, bool, bool> Cases =>
        [.. Ranges.SelectMany(range => (IEnumerable<(int, int, bool, bool)>)[(range.From, range.To, false, true), (range.From, range.To, true, false)])];

    public static IEnumerable<(int From, int To)> Ranges =>
        Enumerable.Range(0, Count).SelectMany(from => Enumerable.Range(from + 1, Count - from - 1).Select(to => (from, to)));

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Downwards_TheLowestTakesWhatTheOthersHold(int from, int to, bool keeps, bool isUneven)
    {
        using var chain = new FiveLevels(isUneven);
        var progress = new ProgressList();
        using VirtualDisk disk = chain.Open();

        MergeResult result = await disk.MergeAsync(new MergeOptions { FromDepth = from, ToDepth = to, Direction = MergeDirection.Down, KeepFiles = keeps }, progress, Stop);

        long[] runs = chain.PushedRuns(from, to);
        Assert.Equal((MergeDirection.Down, chain.PathOf(to), runs.Sum()), (result.Direction, result.SurvivorPath, result.CopiedBytes));

        // The top goes last of all.
        int[] gone = [.. Enumerable.Range(from, to - from)];
        Assert.Equal(keeps ? [] : chain.PathsOf(gone.Where(depth => depth > 0).Concat(gone.Where(depth => depth == 0))), result.RemovedPaths);
        Assert.Equal(keeps ? chain.PathsOf(gone) : [], result.KeptPaths);
        long[] told = [.. Enumerable.Range(0, runs.Length + 1).Select(i => runs[..i].Sum())];
        Assert.Equal(
            [.. told.Select(bytes => new OperationProgress(bytes, runs.Sum(), "merging")), .. from == 0 ? [new OperationProgress(0, 0, "merging")] : Array.Empty<OperationProgress>()],
            progress.Reports);
        await AssertChainAsync(chain, disk, [.. Enumerable.Range(0, Count).Where(depth => depth < from || depth >= to)], from, to, keeps);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Upwards_TheHighestTakesWhatShowsThroughIt(int from, int to, bool keeps, bool isUneven)
    {
        using var chain = new FiveLevels(isUneven);
        var progress = new ProgressList();
        using VirtualDisk disk = chain.Open();

        MergeResult result = await disk.MergeAsync(new MergeOptions { FromDepth = from, ToDepth = to, Direction = MergeDirection.Up, KeepFiles = keeps }, progress, Stop);

        Assert.Equal((MergeDirection.Up, chain.PathOf(from), chain.PulledBytes(from, to)), (result.Direction, result.SurvivorPath, result.CopiedBytes));
        string[] gone = chain.PathsOf(Enumerable.Range(from + 1, to - from));
        Assert.Equal(keeps ? [] : gone, result.RemovedPaths);
        Assert.Equal(keeps ? gone : [], result.KeptPaths);
        Assert.Equal(new OperationProgress(chain.LengthOf(from), chain.LengthOf(from), "copying from the parents"), progress.Reports[^1]);
        await AssertChainAsync(chain, disk, [.. Enumerable.Range(0, Count).Where(depth => depth <= from || depth > to)], from, from, keeps);
    }

    /// <summary>The direction that copies less; of two that cost the same, upwards.</summary>
    [Fact]
    public async Task Auto_TakesTheDirectionThatCopiesLess()
    {
        List<(int From, int To, MergeDirection Direction)> expected = [];
        List<(int From, int To, MergeDirection Direction)> seen = [];
        foreach ((int from, int to) in Ranges)
        {
            using var chain = new FiveLevels();
            expected.Add((from, to, chain.PushedRuns(from, to).Sum() < chain.PulledBytes(from, to) ? MergeDirection.Down : MergeDirection.Up));
            MergeResult result = await chain.Host.MergeAsync(chain.PathOf(0), new MergeOptions { FromDepth = from, ToDepth = to }, cancellationToken: Stop);
            seen.Add((from, to, result.Direction));
        }

        Assert.Equal(expected, seen);
        Assert.Equal([MergeDirection.Down, MergeDirection.Up], expected.Select(each => each.Direction).Distinct().Order());
    }

    /// <summary>What a guest writes meanwhile is copied after the rest; the total is what may have changed, in whole units of what is remembered.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task DownwardsFromTheTop_WhatIsWrittenMeanwhile_IsCopiedToo_AndTold(int to)
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

        MergeResult result = await disk.MergeAsync(new MergeOptions { ToDepth = to, Direction = MergeDirection.Down }, progress, Stop);

        ((byte[])[1, 2, 3]).CopyTo(expected, 5 * FiveLevels.Cluster);
        Assert.Equal(expected, PushChain.ReadAll(disk));
        OperationProgress[] rest = [.. progress.Reports.SkipWhile((report, i) => i == 0 || report.DoneBytes > 0)];
        Assert.NotEmpty(rest);
        Assert.All(rest, report => Assert.Equal((chain.LengthOf(0), "merging"), (report.TotalBytes, report.Phase)));
        Assert.Equal(result.CopiedBytes, progress.Reports.TakeWhile((report, i) => i == 0 || report.DoneBytes > 0).Last().DoneBytes + rest.Max(report => report.DoneBytes));
        disk.Close();
        Assert.Equal(expected, chain.Read(to));
    }

    [Theory]
    [InlineData(-1, 1)]
    [InlineData(0, 0)]
    [InlineData(2, 1)]
    [InlineData(0, 5)]
    [InlineData(4, 5)]
    [InlineData(5, 6)]
    public async Task ARangeThatIsNone_IsRefused_AndNothingIsChanged(int from, int to)
    {
        using var chain = new FiveLevels();
        using VirtualDisk disk = chain.Open();
        foreach (MergeDirection direction in Enum.GetValues<MergeDirection>())
        {
            ImageException refused = await Assert.ThrowsAsync<ImageException>(
                async () => await disk.MergeAsync(new MergeOptions { FromDepth = from, ToDepth = to, Direction = direction }, cancellationToken: Stop));
            Assert.Equal(
                FormattableString.Invariant($"{chain.PathOf(0)}: cannot merge the levels {from} to {to}: the disk has the levels 0 to 4, 0 is the top, and a merge takes two or more."), refused.Message);
            Assert.Equal((ImageErrorKind.InvalidArgument, chain.PathOf(0), "merge"), (refused.Kind, refused.Path, refused.Operation));
        }

        Assert.Equal(Count, disk.Levels.Count);
        Assert.Equal(chain.View(0), PushChain.ReadAll(disk));
    }

    [Fact]
    public async Task ADiskOfOneLevel_HasNothingToMerge()
    {
        using var chain = new FiveLevels();
        using VirtualDisk disk = chain.Open(4);
        ImageException refused = await Assert.ThrowsAsync<ImageException>(async () => await disk.MergeAsync(cancellationToken: Stop));
        Assert.Equal($"{chain.PathOf(4)}: has no parent, so that there is nothing to merge.", refused.Message);
        Assert.Equal((ImageErrorKind.InvalidArgument, chain.PathOf(4), "merge"), (refused.Kind, refused.Path, refused.Operation));
    }

    private static async Task AssertChainAsync(FiveLevels chain, VirtualDisk disk, int[] left, int seen, int survivor, bool keeps)
    {
        Assert.Equal(chain.PathsOf(left), disk.Levels.Select(level => level.Path));
        Assert.Equal(chain.PathOf(left[0]), disk.Path);
        Assert.Equal(chain.View(0), PushChain.ReadAll(disk));
        disk.Close();
        Assert.Equal((keeps ? Enumerable.Range(0, Count) : left).Select(FiveLevels.NameOf), chain.Files);
        Assert.Equal(left.Select(FiveLevels.NameOf), await chain.NamesFromAsync(left[0]));
        foreach (int level in left)
        {
            Assert.Equal(chain.View(level == survivor ? seen : level), chain.Read(level));
        }

        Assert.True((await chain.Host.CheckAsync(chain.PathOf(survivor), cancellationToken: Stop)).IsClean);
    }
}
