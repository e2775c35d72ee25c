using QedVd.ChainKit;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>An operation with its options drawn, that can be run again after it was cancelled.</summary>
internal sealed class LiveOperation
{
    private readonly TestChain _chain;
    private readonly Func<CancellationToken, ValueTask> _run;
    private readonly Action _settle;

    private LiveOperation(TestChain chain, string description, Func<CancellationToken, ValueTask> run, Action? settle = null)
    {
        (_chain, Description, _run, _settle) = (chain, description, run, settle ?? (() => { }));
    }

    public string Description { get; }

    public bool IsDone { get; private set; }

    public static LiveOperation Draw(string name, TestChain chain, VirtualDisk disk, Random random) => name switch
    {
        "snapshot" => Snapshot(chain, disk),
        "compact" => Compact(chain, disk, random),
        "resize" => Resize(chain, disk, random),
        "flatten" => Flatten(chain, disk, random),
        "commit" => Commit(chain, disk, random),
        "merge" => Merge(chain, disk, random),
        "rebase" => Rebase(chain, disk, random),
        _ => throw new ArgumentException($"No operation is called '{name}'.", nameof(name)),
    };

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await _run(cancellationToken);
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

    private static LiveOperation Snapshot(TestChain chain, VirtualDisk disk)
    {
        string path = Path.Combine(Path.GetDirectoryName(chain.Top.Path)!, "new.qed");
        return new LiveOperation(chain, "snapshot", async token => await disk.SnapshotAsync(path, cancellationToken: token), () =>
        {
            // What the guests had written by then, and what not, nobody can say.
            chain.Top.IsViewKnown = false;
            chain.PutOnTop(path);
        });
    }

    private static LiveOperation Flatten(TestChain chain, VirtualDisk disk, Random random)
    {
        var options = new FlattenOptions { MaxBytesPerSecond = DrawRate(random) };
        return new LiveOperation(chain, $"flatten {options}", async token => await disk.FlattenAsync(options, cancellationToken: token), () => chain.Drop(chain.Levels.Skip(1)));
    }

    /// <summary>To nothing, or to a level further down.</summary>
    private static LiveOperation Rebase(TestChain chain, VirtualDisk disk, Random random)
    {
        ChainLevel[] beneath = [.. chain.Levels.Skip(random.Next(2, chain.Levels.Count + 1))];
        var options = new RebaseOptions { MaxBytesPerSecond = DrawRate(random), ParentFormat = beneath.FirstOrDefault()?.Format };
        string? parent = beneath.FirstOrDefault()?.Path;
        return new LiveOperation(
            chain, $"rebase to {Path.GetFileName(parent) ?? "nothing"}", async token => await disk.RebaseAsync(parent, options, cancellationToken: token), () => chain.Drop(chain.Levels.Skip(1).Except(beneath)));
    }

    private static LiveOperation Commit(TestChain chain, VirtualDisk disk, Random random)
    {
        int depth = random.Next(1, chain.Levels.Count);
        var options = new CommitOptions { TargetDepth = depth, KeepTop = random.Next(4) == 0, MaxBytesPerSecond = DrawRate(random) };
        return new LiveOperation(chain, $"{options}", async token => await disk.CommitAsync(options, cancellationToken: token), () =>
        {
            chain.Commit(depth);
            chain.Levels[1].IsViewKnown = false;
        });
    }

    private static LiveOperation Merge(TestChain chain, VirtualDisk disk, Random random)
    {
        int from = random.Next(2) == 0 ? 0 : random.Next(chain.Levels.Count - 1);
        int to = random.Next(from + 1, chain.Levels.Count);
        var options = new MergeOptions { FromDepth = from, ToDepth = to, Direction = (MergeDirection)random.Next(3), KeepFiles = random.Next(4) == 0, MaxBytesPerSecond = DrawRate(random) };
        MergeResult? result = null;
        return new LiveOperation(
            chain, $"{options}", async token => result = await disk.MergeAsync(options, cancellationToken: token), () => chain.Merge(from, to, result!.Direction == MergeDirection.Down));
    }

    private static long DrawRate(Random random) => random.Next(3) == 0 ? 1L << random.Next(20, 24) : 0;

    private static LiveOperation Compact(TestChain chain, VirtualDisk disk, Random random)
    {
        var options = new DiskCompactOptions { DropZeroBlocks = random.Next(2) == 0, DropBlocksEqualToParent = random.Next(2) == 0 };
        return new LiveOperation(chain, $"{options}", token => disk.CompactAsync(options, cancellationToken: token));
    }

    /// <summary>Only growth: a guest that writes beyond the end of a shrunk disk is refused.</summary>
    private static LiveOperation Resize(TestChain chain, VirtualDisk disk, Random random)
    {
        long size = chain.View.LengthBytes + (random.Next(1, 1000) * 512);
        return new LiveOperation(chain, $"to {size}", token => disk.ResizeAsync(size, cancellationToken: token), () => chain.Top.View = chain.View.CloneAs(size));
    }
}
