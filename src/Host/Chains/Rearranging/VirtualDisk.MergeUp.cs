namespace QedVd.Host;

/// <content>Making one level of several neighbours, in the highest of them.</content>
public sealed partial class VirtualDisk
{
    /// <summary>
    /// Takes into the level <paramref name="from"/> what the levels beneath it down to <paramref name="to"/> hold, makes it name the level after those (or
    /// none), and goes on without them. The caller has begun the operation, and closes or removes what was between; the survivor stays writable until the end.
    /// </summary>
    /// <param name="work">The operation.</param>
    /// <param name="from">The depth of the level that stays.</param>
    /// <param name="to">The depth of the lowest level that goes.</param>
    /// <param name="options">How fast, and whether room is looked for first.</param>
    /// <param name="beforeRelink">Called when all is copied and durable, before the name of the parent changes; null: nothing.</param>
    /// <param name="progress">Told how far it is, in bytes of the level.</param>
    /// <returns>The bytes of data written.</returns>
    private async ValueTask<long> MergeUpAsync(
        Rearrangement work, int from, int to, MergeOptions options, Func<ValueTask>? beforeRelink, IProgress<OperationProgress>? progress)
    {
        IReadOnlyList<Level> levels = work.Levels;
        Level survivor = levels[from];
        IReadOnlyList<Level> beneath = [.. levels.Skip(to + 1)];
        RequireSteadyLevels(levels, from + 1, "merge");
        if (beneath.Count > 0 && beneath[0].Image is DiskAsImage)
        {
            throw new ImageException(
                ImageErrorKind.NotSupported, $"{Shown}: what would become the parent of '{DisplayText.Escape(survivor.Path)}' was given as an open disk, and has no name to record. Open the chain by its names to merge it.", Path, "merge");
        }

        await PullRoom.RequireAsync(levels, from, beneath, options, "merge", work.Token).ConfigureAwait(false);
        VirtualDisk target = from == 0 ? this : await work.WriteToAsync(from).ConfigureAwait(false);
        target.RequireCapability(ImageCapabilities.SetParent, "change the parent's name in");
        using RateLimiter limiter = LimiterFor(options);
        long copied = await target.PullAsync(new ChainView([.. levels.Skip(from + 1)]), new ChainView(beneath), limiter, EarlyBarriersOf(target), progress, work.Token).ConfigureAwait(false);
        if (beforeRelink is not null)
        {
            await beforeRelink().ConfigureAwait(false);
        }

        await work.RelinkAsync(from, beneath.Count == 0 ? null : beneath[0]).ConfigureAwait(false);
        await work.PublishAsync([.. levels.Take(from + 1), .. beneath]).ConfigureAwait(false);

        // The survivor becomes read-only again with the end of the operation: what goes wrong there does not undo the merge.
        return copied;
    }

    /// <summary>At most so many bytes <see cref="MergeUpAsync"/> is going to copy.</summary>
    private static ValueTask<long> EstimatePullBytesAsync(IReadOnlyList<Level> levels, int from, int to, CancellationToken cancellationToken) =>
        PullRoom.EstimateBytesAsync(levels, from, [.. levels.Skip(to + 1)], cancellationToken);
}
