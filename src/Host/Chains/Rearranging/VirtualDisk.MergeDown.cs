namespace QedVd.Host;

/// <content>Merging into the lowest of some levels.</content>
public sealed partial class VirtualDisk
{
    // What is copied while guests wait.
    private const long MaxHeldBytes = 4 << 20;

    /// <summary>Levels beneath the top: nobody writes to them, so that one copy is all.</summary>
    private async ValueTask<long> MergeDownAsync(Rearrangement work, int from, int to, MergeTrace trace, MergeOptions options, IProgress<OperationProgress>? progress)
    {
        Level[] chain = [.. work.Levels];
        (VirtualDisk below, LevelPush push) = await PushAsync(work, from, to, options, progress).ConfigureAwait(false);
        using (push)
        {
            await FitAsync(below, chain[from].Image.VirtualSizeBytes, work.Token).ConfigureAwait(false);
            await BeginLinkingAsync(work, trace).ConfigureAwait(false);
            await work.RelinkAsync(from - 1, chain[to]).ConfigureAwait(false);
            await work.PublishAsync([.. chain[..from], .. chain[to..]]).ConfigureAwait(false);
            await work.FreezeAsync(chain[to]).ConfigureAwait(false);
            return push.CopiedBytes;
        }
    }

    /// <summary>
    /// From the top. First all is copied, and the levels between are left out, as by a commit; then what was written meanwhile is copied, round by round, the
    /// rest while guests wait; then the disk goes on without the top. Its file goes before guests do: what they write from then on is not in it.
    /// </summary>
    private async ValueTask<long> MergeTopDownAsync(Rearrangement work, int to, MergeTrace trace, MergeOptions options, IProgress<OperationProgress>? progress)
    {
        CloseToChildren(MergeOperation);
        try
        {
            Level[] chain = [.. work.Levels];
            (Level top, Level target) = (chain[0], chain[to]);
            (VirtualDisk below, LevelPush push) = await PushAsync(work, 0, to, options, progress).ConfigureAwait(false);
            using (push)
            {
                await trace.WriteAsync(work.Token).ConfigureAwait(false);
                if (to > 1)
                {
                    trace.IsLinking = true;
                    await work.RelinkAsync(0, target).ConfigureAwait(false);
                }

                // Levels between are deleted before the top is: a journal of a top that is gone has nothing to say about them.
                await work.PublishAsync([top, .. chain[to..]]).ConfigureAwait(false);
                trace.IsLinking = false;
                await RemoveLevelsAsync(chain[1..to], options, trace).ConfigureAwait(false);
                await FitAsync(below, LengthBytes, work.Token).ConfigureAwait(false);
                await work.PublishAsync([top, .. chain[to..]]).ConfigureAwait(false);

                using LevelPush rest = NewPush([top], below, options, 0, "merging", progress);
                await CatchUpAsync(work, rest).ConfigureAwait(false);
                if (rest.CopiedBytes > 0)
                {
                    // Else guests would wait for it.
                    await below.FlushAsync(work.Token).ConfigureAwait(false);
                }

                await work.HoldWritersAsync().ConfigureAwait(false);
                bool isReplaced = false;
                try
                {
                    await rest.CopyChangedAsync(work.Changes!, work.Token).ConfigureAwait(false);
                    await below.FlushAsync(work.Token).ConfigureAwait(false);
                    KeepGeometry(top.Image, target.Image);
                    if (options.KeepFiles)
                    {
                        // All is done but the change. A top that stays would be copied once more by who finishes this, over what is written from then on.
                        await trace.RemoveAsync().ConfigureAwait(false);
                    }

                    await RemoveTopNameAsync(top, trace, options.KeepFiles, work.Token).ConfigureAwait(false);
                    GoOnAs(target);
                    isReplaced = true;
                    await work.PublishHeldAsync([.. chain[to..]]).ConfigureAwait(false);
                }
                finally
                {
                    if (!isReplaced)
                    {
                        work.ReleaseWriters();
                    }
                }

                trace.Closed.Add(top);
                await CloseSupersededAsync([top]).ConfigureAwait(false);
                await work.FreezeAsync(target).ConfigureAwait(false);
                return push.CopiedBytes + rest.CopiedBytes;
            }
        }
        finally
        {
            Children.Reopen();
        }
    }

    /// <summary>
    /// Until little is left for the moment in which guests wait. Each round copies what was written during the one before, at first no faster than was asked for; where
    /// that leaves hardly less, as fast as it goes, and where that leaves hardly less too, guests have to wait.
    /// </summary>
    private async ValueTask CatchUpAsync(Rearrangement work, LevelPush push)
    {
        bool isLimited = push.Limiter.BytesPerSecond > 0;
        long before = long.MaxValue;
        for (long left = work.Changes!.CountBytes(); left > (before == long.MaxValue ? 0 : MaxHeldBytes); left = work.Changes.CountBytes())
        {
            if (left > before / 4 * 3)
            {
                if (!isLimited)
                {
                    break;
                }

                isLimited = false;
                push.Limiter.SetRates(0, 0);
            }

            before = left;
            ChangeTracker changes = work.Changes;
            await work.TrackAnewAsync().ConfigureAwait(false);
            await push.CopyChangedAsync(changes, work.Token).ConfigureAwait(false);
        }

        push.Limiter.SetRates(0, 0);
        await SlowDownGuestsAsync(work, push).ConfigureAwait(false);
    }

    /// <summary>
    /// A guest that is faster than any copying: it waits half of the time, while a part is copied that is twice what it has written since the last one, so that each
    /// part leaves less.
    /// </summary>
    private async ValueTask SlowDownGuestsAsync(Rearrangement work, LevelPush push)
    {
        ChangeTracker changes = work.Changes!;
        for (long left = changes.CountBytes(); changes.CountBytes() > MaxHeldBytes;)
        {
            long start = Time.GetTimestamp();
            await work.HoldWritersAsync().ConfigureAwait(false);
            try
            {
                long written = changes.CountBytes() - left;
                await push.CopyChangedAsync(changes.TakeOut(Math.Max(MaxHeldBytes, 2 * written)), work.Token).ConfigureAwait(false);
                left = changes.CountBytes();
            }
            finally
            {
                work.ReleaseWriters();
            }

            // Who waits comes in only after a while.
            await Task.Delay(Time.GetElapsedTime(start) + TimeSpan.FromMilliseconds(1), Time, work.Token).ConfigureAwait(false);
        }
    }

    /// <summary>Copies what levels hold together into the one beneath them, durably. From the moment it begins, the guest's changes are taken down.</summary>
    private async ValueTask<(VirtualDisk Below, LevelPush Push)> PushAsync(Rearrangement work, int from, int to, MergeOptions options, IProgress<OperationProgress>? progress)
    {
        Level[] chain = [.. work.Levels];
        PushEstimate estimate = await PushEstimate.OfAsync(chain[from..to], chain[to], work.Token).ConfigureAwait(false);
        RequireRoom(chain[to], estimate.NewBytes, options, MergeOperation);
        VirtualDisk below = await work.WriteToAsync(to).ConfigureAwait(false);
        await GrowToDiskAsync(below, chain[from].Image.VirtualSizeBytes, work.Token).ConfigureAwait(false);
        await work.TrackAnewAsync().ConfigureAwait(false);
        LevelPush push = NewPush(chain[from..to], below, options, estimate.DataBytes, "merging", progress);
        try
        {
            await push.CopyAllAsync(work.Token).ConfigureAwait(false);
            await below.FlushAsync(work.Token).ConfigureAwait(false);
            return (below, push);
        }
        catch
        {
            push.Dispose();
            throw;
        }
    }

    /// <summary>The survivor gets the size that the highest level has; what goes was hidden by that one.</summary>
    private static async ValueTask FitAsync(VirtualDisk below, long lengthBytes, CancellationToken cancellationToken)
    {
        if (below.LengthBytes > lengthBytes)
        {
            await below.ResizeAsync(lengthBytes, mayShrink: true, cancellationToken: cancellationToken).ConfigureAwait(false);
        }
    }

    private async ValueTask RemoveTopNameAsync(Level top, MergeTrace trace, bool keepFile, CancellationToken cancellationToken)
    {
        if (keepFile || top.Storage is not FileStorage)
        {
            return;
        }

        await trace.TellTopIsCopiedAsync(isCopied: true, cancellationToken).ConfigureAwait(false);
        if (!await Task.Run(() => LevelRemoval.TryRemoveName(top, trace.Unsure, _logger)).ConfigureAwait(false))
        {
            // Guests go on writing to it.
            await trace.TellTopIsCopiedAsync(isCopied: false, CancellationToken.None).ConfigureAwait(false);
            throw new ImageException(
                ImageErrorKind.Io, $"{Shown}: cannot merge the top into '{DisplayText.Escape(_generation.Levels[^1].Path)}': its file could not be deleted, and would hide what is written from then on. The disk goes on with it.", Path, MergeOperation);
        }

        trace.Removed.Add(top.Path);
    }
}
