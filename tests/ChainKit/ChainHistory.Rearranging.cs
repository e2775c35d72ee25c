namespace QedVd.ChainKit;

/// <content>Operations that change which levels a chain is made of.</content>
public sealed partial class ChainHistory
{
    private int _chains;

    private async Task<bool> FlattenAsync()
    {
        if (_chain.Top.Format == "raw")
        {
            return false;
        }

        bool hasParent = _chain.Levels.Count > 1;
        await OnDiskAsync(
            disk => disk.FlattenAsync(new FlattenOptions { SkipSpaceCheck = _random.Next(2) == 0 }),
            () => _bench.Host.FlattenAsync(_chain.Top.Path, options: Open()),
            _ => _chain.Drop(_chain.Levels.Skip(1))).ConfigureAwait(false);
        return hasParent;
    }

    private async Task<bool> RebaseAsync()
    {
        if (_chain.Top.Format == "raw")
        {
            return false;
        }

        IReadOnlyList<ChainLevel> beneath = await DrawParentsAsync().ConfigureAwait(false);
        bool isAnother = !beneath.SequenceEqual(_chain.Levels.Skip(1));
        ChainLevel? first = beneath is [var level, ..] ? level : null;
        string? parent = first?.Path;
        Detail($"to {(parent is null ? "nothing" : Path.GetFileName(parent))}");
        var options = new RebaseOptions { ParentFormat = first?.Format };
        await OnDiskAsync(
            disk => disk.RebaseAsync(parent, options),
            () => _bench.Host.RebaseAsync(_chain.Top.Path, parent, options, Open()),
            _ =>
            {
                _chain.Drop(_chain.Levels.Skip(1).Except(beneath));
                _chain.Levels.RemoveRange(1, _chain.Levels.Count - 1);
                _chain.Levels.AddRange(beneath);
            }).ConfigureAwait(false);
        return isAnother;
    }

    private async Task<bool> CommitAsync()
    {
        if (_chain.Levels.Count == 1)
        {
            return false;
        }

        int depth = _random.Next(1, _chain.Levels.Count);
        var options = new CommitOptions { TargetDepth = depth, KeepTop = _random.Next(4) == 0, SkipSpaceCheck = _random.Next(2) == 0 };
        Detail($"to {_chain.Levels[depth].Name}{(options.KeepTop ? ", keeping the top" : "")}");
        await OnDiskAsync(
            async disk =>
            {
                CommitResult result = await disk.CommitAsync(options).ConfigureAwait(false);
                await ShouldBeEmptyAsync(disk, options).ConfigureAwait(false);
                return result;
            },
            () => _bench.Host.CommitAsync(_chain.Top.Path, options, Open()),
            result =>
            {
                Assert.Equal(_chain.Levels.Skip(1).Take(depth - 1).Select(level => level.Path), result.SupersededPaths);
                _chain.Commit(depth);
            }).ConfigureAwait(false);
        return true;
    }

    private async Task<bool> MergeAsync()
    {
        if (_chain.Levels.Count == 1)
        {
            return false;
        }

        int from = _random.Next(_chain.Levels.Count - 1);
        int to = _random.Next(from + 1, _chain.Levels.Count);
        var options = new MergeOptions { FromDepth = from, ToDepth = to, Direction = (MergeDirection)_random.Next(3), KeepFiles = _random.Next(3) == 0, SkipSpaceCheck = _random.Next(2) == 0 };
        Detail($"{_chain.Levels[from].Name} to {_chain.Levels[to].Name} {options.Direction}{(options.KeepFiles ? ", keeping the files" : "")}");
        await OnDiskAsync(
            disk => disk.MergeAsync(options),
            () => _bench.Host.MergeAsync(_chain.Top.Path, options, Open()),
            result =>
            {
                bool isDown = result.Direction == MergeDirection.Down;
                string[] merged = [.. _chain.Levels.Skip(from).Take(to - from + 1).Select(level => level.Path)];
                Assert.Equal(merged[isDown ? ^1 : 0], result.SurvivorPath);
                Assert.Equal(merged.Except([result.SurvivorPath]).Order(), (options.KeepFiles ? result.KeptPaths : result.RemovedPaths).Order());
                Assert.Empty(options.KeepFiles ? result.RemovedPaths : result.KeptPaths);
                Assert.All(result.RemovedPaths, path => Assert.False(File.Exists(path)));
                Assert.All(result.KeptPaths, path => Assert.True(File.Exists(path)));
                _chain.Merge(from, to, isDown);
            }).ConfigureAwait(false);
        return true;
    }

    /// <summary>Nobody writes meanwhile: of what was committed, nothing is left in the top.</summary>
    private static async Task ShouldBeEmptyAsync(VirtualDisk disk, CommitOptions options)
    {
        await foreach (DiskExtent extent in disk.MapAllAsync(0, disk.LengthBytes).ConfigureAwait(false))
        {
            Assert.True(extent.Depth > 0 || options.KeepTop, $"{extent} is left in the top after the commit");
        }
    }

    /// <summary>Nothing, a level of this chain, or another chain.</summary>
    private async Task<IReadOnlyList<ChainLevel>> DrawParentsAsync()
    {
        switch (_random.Next(4))
        {
            case 0:
                return [];
            case 1 when _chain.Levels.Count > 1:
                return [.. _chain.Levels.Skip(_random.Next(1, _chain.Levels.Count))];
            default:
                ChainPlan plan = ChainPlan.Draw(_random, new ChainPlanOptions { MostLevels = 3, MostBytes = 1 << 20, MostClusterBytes = 65536, ForQemu = true, NamePrefix = $"side{_chains++}-" });
                return (await _bench.MakeAsync(plan, Path.GetDirectoryName(_chain.Top.Path)).ConfigureAwait(false)).Levels;
        }
    }

    /// <summary>The operation on a disk that guests have written to and go on with, or on closed files; and then on what must be read.</summary>
    private async Task OnDiskAsync<T>(Func<VirtualDisk, ValueTask<T>> onDisk, Func<ValueTask<T>> onFiles, Action<T> apply)
    {
        if (_random.Next(2) == 0)
        {
            Detail("open");
            using VirtualDisk disk = await OpenAsync().ConfigureAwait(false);
            apply(await onDisk(disk).ConfigureAwait(false));
            _chain.DeleteDropped();
            await CloseAsync(disk).ConfigureAwait(false);
            return;
        }

        Detail("closed");
        using (VirtualDisk disk = await OpenAsync().ConfigureAwait(false))
        {
            await disk.CloseAsync().ConfigureAwait(false);
        }

        apply(await onFiles().ConfigureAwait(false));
        _chain.DeleteDropped();
    }

    private DiskOpenOptions Open() => _chain.Options with { Format = _chain.Top.Format };
}
