namespace QedVd.ChainKit;

/// <summary>All that can be done to a chain of four levels and needs room, by name.</summary>
internal sealed class FullVolumeOperations
{
    private const int GrownBytes = 1 << 20;
    private const int ShrunkBytes = 40 << 10;
    private const int ClusterBytes = 4096;
    private const int TableClusters = 2;

    private static readonly Dictionary<string, Func<FullVolumeOperations, FullVolumeWork>> s_all = new()
    {
        ["commit"] = all => all.Commit(1),
        ["commit to the base"] = all => all.Commit(3),
        ["flatten"] = all => all.Flatten(),
        ["rebase to another"] = all => all.RebaseToAnother(),
        ["rebase to a lower one"] = all => all.RebaseToALowerOne(),
        ["merge down"] = all => all.Merge(0, 2, MergeDirection.Down),
        ["merge up"] = all => all.Merge(0, 3, MergeDirection.Up),
        ["merge down in between"] = all => all.Merge(1, 2, MergeDirection.Down),
        ["merge up in between"] = all => all.Merge(1, 2, MergeDirection.Up),
        ["convert to qed"] = all => all.Convert("qed"),
        ["convert to raw"] = all => all.Convert("raw"),
        ["convert onto a parent"] = all => all.ConvertOntoParent(),
        ["convert into an image"] = all => all.ConvertIntoExisting("qed"),
        ["convert into a raw image"] = all => all.ConvertIntoExisting("raw"),
        ["copy"] = all => all.Copy(),
        ["snapshot"] = all => all.Snapshot(),
        ["grow"] = all => all.Resize(GrownBytes, needsRoom: true),
        ["shrink"] = all => all.Resize(ShrunkBytes, needsRoom: false),
        ["compact"] = all => all.Compact(),
    };

    private readonly DiskHost _host;
    private readonly TestChain _chain;
    private readonly TestChain _other;
    private readonly ChainBench _bench;
    private readonly string _top;
    private readonly string _folder;

    public FullVolumeOperations(DiskHost host, TestChain chain, TestChain other, ChainBench bench)
    {
        (_host, _chain, _other, _bench) = (host, chain, other, bench);
        _top = chain.Top.Path;
        _folder = Path.GetDirectoryName(_top)!;
    }

    public static IEnumerable<string> Names => s_all.Keys;

    public FullVolumeWork Make(string name) => s_all[name](this);

    private FullVolumeWork Commit(int depth) => new()
    {
        Run = async skip => await _host.CommitAsync(_top, new CommitOptions { TargetDepth = depth, SkipSpaceCheck = skip }).ConfigureAwait(false),
        Apply = () => Changed(() => _chain.Commit(depth)),
    };

    private FullVolumeWork Flatten() => new()
    {
        Run = async skip => await _host.FlattenAsync(_top, new FlattenOptions { SkipSpaceCheck = skip }).ConfigureAwait(false),
        Apply = () => Changed(() => _chain.Drop(_chain.Levels.Skip(1))),
    };

    private FullVolumeWork RebaseToAnother() => new()
    {
        Run = async skip => await _host.RebaseAsync(_top, _other.Top.Path, new RebaseOptions { ParentFormat = _other.Top.Format, SkipSpaceCheck = skip }).ConfigureAwait(false),
        Apply = () => Changed(() =>
        {
            _chain.Drop(_chain.Levels.Skip(1));
            _chain.Levels.AddRange(_other.Levels);
        }),
    };

    private FullVolumeWork RebaseToALowerOne()
    {
        ChainLevel parent = _chain.Levels[3];
        return new()
        {
            Run = async skip => await _host.RebaseAsync(_top, parent.Path, new RebaseOptions { ParentFormat = parent.Format, SkipSpaceCheck = skip }).ConfigureAwait(false),
            Apply = () => Changed(() => _chain.Drop(_chain.Levels.Skip(1).Take(2))),
        };
    }

    private FullVolumeWork Merge(int from, int to, MergeDirection direction) => new()
    {
        Run = async skip => await _host.MergeAsync(_top, new MergeOptions { FromDepth = from, ToDepth = to, Direction = direction, SkipSpaceCheck = skip }).ConfigureAwait(false),
        Apply = () => Changed(() => _chain.Merge(from, to, direction == MergeDirection.Down)),
    };

    private FullVolumeWork Convert(string format) => Made(
        new ChainLevel { Path = Path.Combine(_folder, $"copy.{format}"), Format = format, View = _chain.View }, [], Into(format));

    private FullVolumeWork ConvertOntoParent() => Made(
        new ChainLevel { Path = Path.Combine(_folder, "copy.qed"), Format = "qed", View = _chain.View },
        _chain.Levels.Skip(3),
        Into("qed") with { ParentPath = _chain.Levels[3].Path, ParentFormat = _chain.Levels[3].Format });

    // Small tables: of large ones nothing but zeros would be written, for many pages.
    private static ConvertOptions Into(string format) =>
        new() { TargetFormat = format, FormatOptions = format == "raw" ? new Dictionary<string, string>() : ChainBench.Geometry(ClusterBytes, TableClusters) };

    private FullVolumeWork ConvertIntoExisting(string format)
    {
        var target = new LevelPlan { Name = $"into.{format}", Format = format, SizeBytes = _chain.View.LengthBytes, ClusterBytes = ClusterBytes, TableClusters = TableClusters, Changes = [] };
        return Made(
            new ChainLevel { Path = Path.Combine(_folder, target.Name), Format = format, View = _chain.View }, [], new ConvertOptions { TargetFormat = format, IntoExisting = true }) with
        {
            Prepare = async () => await _bench.MakeLevelAsync(target, parent: null, _folder).ConfigureAwait(false),
            IsAllOrNothing = false,
        };
    }

    private FullVolumeWork Made(ChainLevel target, IEnumerable<ChainLevel> beneath, ConvertOptions options) => new()
    {
        Run = async skip => await _host.ConvertAsync(_top, target.Path, options with { SkipSpaceCheck = skip }).ConfigureAwait(false),
        Apply = () => [_chain, new TestChain(_bench, [target, .. beneath])],
        IsAllOrNothing = true,
    };

    private FullVolumeWork Copy()
    {
        string folder = Path.Combine(_folder, "copied");
        return new()
        {
            Prepare = () =>
            {
                Directory.CreateDirectory(folder);
                return default;
            },
            Run = async skip => await _host.CopyChainAsync(_top, folder, new CopyChainOptions { SkipSpaceCheck = skip }).ConfigureAwait(false),
            Apply = () => [_chain, new TestChain(_bench, _chain.Levels.Select(level => new ChainLevel { Path = Path.Combine(folder, level.Name), Format = level.Format, View = level.View }))],
            IsAllOrNothing = true,
        };
    }

    private FullVolumeWork Snapshot()
    {
        string path = Path.Combine(_folder, "over.qed");
        return new()
        {
            Run = async _ =>
            {
                using VirtualDisk disk = _chain.Open();
                await disk.SnapshotAsync(path).ConfigureAwait(false);
                await disk.CloseAsync().ConfigureAwait(false);
            },
            Apply = () => Changed(() => _chain.PutOnTop(path)),
            IsAllOrNothing = true,
        };
    }

    private FullVolumeWork Resize(long sizeBytes, bool needsRoom) => new()
    {
        Run = async _ => await _host.ResizeAsync(_top, sizeBytes, mayShrink: true).ConfigureAwait(false),
        Apply = () => Changed(() => _chain.Top.View = _chain.View.CloneAs(sizeBytes)),
        NeedsRoom = needsRoom,
    };

    /// <summary>What is moved down goes into a hole, which is room that the file does not have yet.</summary>
    private FullVolumeWork Compact() => new()
    {
        Prepare = async () =>
        {
            using VirtualDisk disk = _chain.Open();
            int block = disk.Levels[0].BlockBytes;
            IEnumerable<GuestChange> holes = Enumerable.Range(0, (int)(disk.LengthBytes / block / 4)).Select(i => new GuestChange(GuestChangeKind.Discard, 2L * i * block, block, i));
            await Guest.ApplyAsync(disk, _chain.View, [new GuestChange(GuestChangeKind.Data, 0, (int)disk.LengthBytes, 1), .. holes]).ConfigureAwait(false);
            await disk.CloseAsync().ConfigureAwait(false);
        },
        Run = async _ => await _host.CompactAsync(_top).ConfigureAwait(false),
        Apply = () => [_chain],
    };

    private TestChain[] Changed(Action apply)
    {
        apply();
        return [_chain];
    }
}
