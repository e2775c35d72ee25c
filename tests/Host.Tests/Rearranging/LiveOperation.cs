using QedVd.ChainKit;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>An operation with its options drawn, that can be run again after it was cancelled.</summary>
internal sealed class LiveOperation
{
    private const long TableReachBytes = 1L << 30;

    private readonly TestChain _chain;
    private readonly Func<VirtualDisk, bool, IProgress<OperationProgress>?, CancellationToken, ValueTask> _run;
    private readonly Action _settle;

    private LiveOperation(TestChain chain, string description, Func<VirtualDisk, bool, IProgress<OperationProgress>?, CancellationToken, ValueTask> run, Action? settle = null)
    {
        (_chain, Description, _run, _settle) = (chain, description, run, settle ?? (() => { }));
    }

    public string Description { get; }

    /// <summary>Whether it tells so often how far it is that it can be stopped by that.</summary>
    public bool TellsOften { get; private init; } = true;

    public bool IsDone { get; private set; }

    /// <summary>Whether it leaves alone what lies beneath the top.</summary>
    public bool KeepsBeneath { get; private init; } = true;

    /// <summary>The sizes that the disk may have when it was stopped half way.</summary>
    public IReadOnlyList<long> Sizes { get; private init; } = [];

    public static async Task<LiveOperation> DrawAsync(string name, ChainBench bench, TestChain chain, Random random) => name switch
    {
        "snapshot" => Snapshot(chain),
        "compact" => Compact(chain, random),
        "resize" => Resize(chain, random),
        "flatten" => Flatten(chain, random),
        "commit" => Commit(chain, random),
        "merge" => Merge(chain, random),
        "rebase" => Rebase(chain, [.. chain.Levels.Skip(random.Next(2, chain.Levels.Count + 1))], random),
        "rebase to another" => Rebase(chain, await MakeAnotherAsync(bench, chain, random), random),
        _ => throw new ArgumentException($"No operation is called '{name}'.", nameof(name)),
    };

    /// <summary>Runs it.</summary>
    /// <param name="disk">The open chain.</param>
    /// <param name="isLimited">Whether a rate that was drawn counts.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task RunAsync(VirtualDisk disk, bool isLimited, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        await _run(disk, isLimited, progress, cancellationToken);
        IsDone = true;
    }

    /// <summary>After the guests have ended: what the levels must read as.</summary>
    public void Settle(GuestBytes now)
    {
        if (IsDone)
        {
            _settle();
            _chain.DeleteDropped();
        }

        _chain.Top.View = now.CloneAs(_chain.View.LengthBytes);
    }

    private static LiveOperation Snapshot(TestChain chain)
    {
        string path = Path.Combine(Path.GetDirectoryName(chain.Top.Path)!, "new.qed");
        return new LiveOperation(chain, "snapshot", async (disk, _, _, token) => await disk.SnapshotAsync(path, cancellationToken: token), () =>
        {
            // What the guests had written by then, and what not, nobody can say.
            chain.Top.IsViewKnown = false;
            chain.PutOnTop(path);
        })
        {
            TellsOften = false,
        };
    }

    private static LiveOperation Flatten(TestChain chain, Random random)
    {
        var options = new FlattenOptions { MaxBytesPerSecond = DrawRate(random) };
        return new LiveOperation(
            chain, $"{options}", async (disk, isLimited, progress, token) => await disk.FlattenAsync(Rated(options, isLimited), progress, token), () => chain.Drop(chain.Levels.Skip(1)));
    }

    /// <summary>To nothing, to a level further down, or to another chain.</summary>
    private static LiveOperation Rebase(TestChain chain, ChainLevel[] beneath, Random random)
    {
        ChainLevel? first = beneath.FirstOrDefault();
        var options = new RebaseOptions { MaxBytesPerSecond = DrawRate(random), ParentFormat = first?.Format };
        return new LiveOperation(
            chain, $"rebase to {first?.Name ?? "nothing"}", async (disk, isLimited, progress, token) => await disk.RebaseAsync(first?.Path, Rated(options, isLimited), progress, token), () =>
            {
                chain.Drop(chain.Levels.Skip(1).Except(beneath));
                chain.Levels.RemoveRange(1, chain.Levels.Count - 1);
                chain.Levels.AddRange(beneath);
            });
    }

    private static LiveOperation Commit(TestChain chain, Random random)
    {
        int depth = random.Next(1, chain.Levels.Count);
        var options = new CommitOptions { TargetDepth = depth, KeepTop = random.Next(4) == 0, MaxBytesPerSecond = DrawRate(random) };
        return new LiveOperation(chain, $"{options}", async (disk, isLimited, progress, token) => await disk.CommitAsync(Rated(options, isLimited), progress, token), () =>
        {
            chain.Commit(depth);
            chain.Levels[1].IsViewKnown = false;
        })
        {
            KeepsBeneath = false,
        };
    }

    private static LiveOperation Merge(TestChain chain, Random random)
    {
        int from = random.Next(2) == 0 ? 0 : random.Next(chain.Levels.Count - 1);
        int to = random.Next(from + 1, chain.Levels.Count);
        var options = new MergeOptions { FromDepth = from, ToDepth = to, Direction = (MergeDirection)random.Next(3), KeepFiles = random.Next(4) == 0, MaxBytesPerSecond = DrawRate(random) };
        MergeResult? result = null;
        return new LiveOperation(
            chain,
            $"{options}",
            async (disk, isLimited, progress, token) => result = await disk.MergeAsync(Rated(options, isLimited), progress, token),
            () => chain.Merge(from, to, result!.Direction == MergeDirection.Down))
        {
            KeepsBeneath = false,
        };
    }

    private static LiveOperation Compact(TestChain chain, Random random)
    {
        var options = new DiskCompactOptions { DropZeroBlocks = random.Next(2) == 0, DropBlocksEqualToParent = random.Next(2) == 0 };
        return new LiveOperation(chain, $"{options}", (disk, _, progress, token) => disk.CompactAsync(options, progress, token));
    }

    /// <summary>Only growth: a guest that writes beyond the end of a shrunk disk is refused. Mostly beyond what the tables reach, so that they move.</summary>
    private static LiveOperation Resize(TestChain chain, Random random)
    {
        long more = (random.Next(1, 1000) * 512L) + (random.Next(8) == 0 ? 0 : TableReachBytes);
        long size = chain.View.LengthBytes + more;
        return new LiveOperation(chain, $"to {size}", (disk, _, progress, token) => disk.ResizeAsync(size, mayShrink: false, progress, token), () => chain.Top.View = chain.View.CloneAs(size))
        {
            TellsOften = false,
            Sizes = [chain.View.LengthBytes, size],
        };
    }

    private static async Task<ChainLevel[]> MakeAnotherAsync(ChainBench bench, TestChain chain, Random random)
    {
        ChainPlan plan = ChainPlan.Draw(random, new ChainPlanOptions { LeastLevels = 1, MostLevels = 2, MostBytes = 1 << 20, MostClusterBytes = 65536, MostChanges = 6, NamePrefix = "side" });
        return [.. (await bench.MakeAsync(plan, Path.GetDirectoryName(chain.Top.Path))).Levels];
    }

    private static long DrawRate(Random random) => random.Next(6) == 0 ? 1L << random.Next(22, 25) : 0;

    private static T Rated<T>(T options, bool isLimited)
        where T : ChainOperationOptions => isLimited ? options : options with { MaxBytesPerSecond = 0 };
}
