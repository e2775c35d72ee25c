namespace QedVd.ChainKit;

/// <content>Operations that change which levels a chain is made of.</content>
public sealed partial class ChainHistory
{
    private int _chains;

    private async Task FlattenAsync()
    {
        if (_chain.Top.Format == "raw")
        {
            return;
        }

        await OnDiskAsync(
            disk => disk.FlattenAsync(new FlattenOptions { SkipSpaceCheck = _random.Next(2) == 0 }),
            () => _bench.Host.FlattenAsync(_chain.Top.Path, open: Open()),
            () => DropBeneath(1)).ConfigureAwait(false);
    }

    private async Task RebaseAsync()
    {
        if (_chain.Top.Format == "raw")
        {
            return;
        }

        IReadOnlyList<ChainLevel> beneath = await DrawParentsAsync().ConfigureAwait(false);
        ChainLevel? first = beneath is [var level, ..] ? level : null;
        string? parent = first?.Path;
        Detail($"to {(parent is null ? "nothing" : Path.GetFileName(parent))}");
        var options = new RebaseOptions { ParentFormat = first?.Format };
        await OnDiskAsync(
            disk => disk.RebaseAsync(parent, options),
            () => _bench.Host.RebaseAsync(_chain.Top.Path, parent, options, Open()),
            () =>
            {
                DropBeneath(1, beneath);
                _chain.Levels.AddRange(beneath);
            }).ConfigureAwait(false);
    }

    private async Task CommitAsync()
    {
        if (_chain.Levels.Count == 1)
        {
            return;
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
            () => _chain.Commit(depth)).ConfigureAwait(false);
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
    private async Task OnDiskAsync<T>(Func<VirtualDisk, ValueTask<T>> onDisk, Func<ValueTask<T>> onFiles, Action apply)
    {
        if (_random.Next(2) == 0)
        {
            Detail("open");
            using VirtualDisk disk = await OpenAsync().ConfigureAwait(false);
            await onDisk(disk).ConfigureAwait(false);
            apply();
            await CloseAsync(disk).ConfigureAwait(false);
            return;
        }

        Detail("closed");
        using (VirtualDisk disk = await OpenAsync().ConfigureAwait(false))
        {
            await disk.CloseAsync().ConfigureAwait(false);
        }

        await onFiles().ConfigureAwait(false);
        apply();
    }

    /// <summary>The levels from a depth on are no part of the chain any more: their files still read as they did, and are deleted.</summary>
    private void DropBeneath(int depth, IReadOnlyList<ChainLevel>? kept = null)
    {
        _chain.Drop(_chain.Levels.Skip(depth).Except(kept ?? []));
        _chain.Levels.RemoveRange(depth, _chain.Levels.Count - depth);
    }

    private DiskOpenOptions Open() => _chain.Options with { Format = _chain.Top.Format };
}
