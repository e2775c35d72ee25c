namespace QedVd.ChainKit;

/// <content>Operations that leave the chain as it is, and make another one.</content>
public sealed partial class ChainHistory
{
    private async Task<bool> ConvertOntoParentAsync()
    {
        if (_chain.Levels.Count == 1)
        {
            return false;
        }

        int depth = _random.Next(1, _chain.Levels.Count);
        ChainLevel parent = _chain.Levels[depth];
        Detail($"over {parent.Name}");
        string target = NewPath();
        var options = new ConvertOptions { TargetFormat = "qed", Source = Open(), ParentPath = parent.Path, ParentFormat = parent.Format, FormatOptions = DrawGeometry(), Workers = 1 + _random.Next(3) };
        await _bench.Host.ConvertAsync(_chain.Top.Path, target, options).ConfigureAwait(false);

        var copy = new TestChain(_bench, [new ChainLevel { Path = target, Format = "qed", View = _chain.View.Clone() }, .. _chain.Levels.Skip(depth)]);
        await ShouldHoldAsync(copy, "the copy", files: false).ConfigureAwait(false);
        File.Delete(target);
        return true;
    }

    private async Task<bool> ConvertIntoExistingAsync()
    {
        string folder = _bench.NewFolder("converted");
        long size = _chain.View.LengthBytes + (_random.Next(2) * _random.Next(300) * Sector);
        ChainPlan plan = ChainPlan.Draw(_random, new ChainPlanOptions { MostLevels = 2, MostBytes = 1 << 20, MostClusterBytes = 65536, Excluded = ChainTraits.HighOffset | ChainTraits.RawBase, ForQemu = ForQemu });
        LevelPlan top = plan.Levels[^1];
        plan = plan with { Levels = [.. plan.Levels.SkipLast(1), top with { SizeBytes = size, TableClusters = 16, Changes = ChainPlan.DrawChanges(_random, size, top.BlockBytes, 5) }] };
        Detail($"of {plan.Levels.Count} levels, {size}");
        TestChain copy = await _bench.MakeAsync(plan, folder).ConfigureAwait(false);
        await _bench.Host.ConvertAsync(_chain.Top.Path, copy.Top.Path, new ConvertOptions { TargetFormat = "qed", Source = Open(), IntoExisting = true }).ConfigureAwait(false);

        GuestBytes view = copy.View.CloneAs(size);
        view.Overwrite(_chain.View);
        copy.Top.View = view;
        await ShouldHoldAsync(copy, "the image").ConfigureAwait(false);
        return true;
    }

    private async Task<bool> CopyAsync()
    {
        string folder = _bench.NewFolder("copied");
        IReadOnlyList<ImageDescription> made = await _bench.Host.CopyChainAsync(_chain.Top.Path, folder, new CopyChainOptions { Source = Open() }).ConfigureAwait(false);

        Assert.Equal(_chain.Levels.Count, made.Count);
        var copy = new TestChain(_bench, _chain.Levels.Select(level => new ChainLevel { Path = Path.Combine(folder, level.Name), Format = level.Format, View = level.View, IsViewKnown = level.IsViewKnown }));
        await ShouldHoldAsync(copy, "the copy").ConfigureAwait(false);
        CompareResult result = await _bench.Host.CompareAsync(
            _chain.Top.Path, copy.Top.Path, new CompareOptions { First = Open(), Second = Open(), RequireSameLength = true }).ConfigureAwait(false);
        Assert.True(result.AreEqual, $"compare finds a difference at {result.FirstDifferenceOffset}");
        return true;
    }
}
