using Microsoft.Extensions.Logging;

namespace QedVd.Host;

/// <content>Making one level of several neighbours.</content>
public sealed partial class VirtualDisk
{
    private const string MergeOperation = "merge";

    /// <summary>
    /// Makes one level of some neighbours, while the disk is in use: downwards into the lowest of them, or upwards into the highest. What the disk reads stays the
    /// same at every instant, and after a crash. The files of the others are deleted once the one that stays is durable and named as it must be.
    /// </summary>
    /// <remarks>
    /// <para>The survivor has the size of the highest of the levels afterwards. Downwards from the top, the disk goes on with the survivor as its top, and
    /// <see cref="Path"/> follows; guests wait for the moment of the change.</para>
    /// <para>Refused when other images are known that have one of the levels as their parent and would lose it, or read something else.</para>
    /// <para>When it fails or is cancelled, the disk goes on as it was, or the message says that the merge is complete: where the deletion of a file may not outlast
    /// a power failure. A merge that was interrupted leaves a small journal beside the survivor; the next call
    /// finishes that one, whatever it asks for, and returns.</para>
    /// </remarks>
    /// <param name="options">Which levels and how; null: the top and its parent.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellationToken">Stops between pieces.</param>
    /// <exception cref="ImageException"><see cref="ImageErrorKind.InUse"/> for levels that others use or need; <see cref="ImageErrorKind.ReadOnly"/>,
    /// <see cref="ImageErrorKind.NotSupported"/>, <see cref="ImageErrorKind.InvalidArgument"/>, <see cref="ImageErrorKind.OutOfSpace"/>.</exception>
    public async ValueTask<MergeResult> MergeAsync(MergeOptions? options = null, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        options ??= new MergeOptions();
        Rearrangement work = await Rearrangement.BeginAsync(this, MergeOperation, cancellationToken).ConfigureAwait(false);
        await using (work.ConfigureAwait(false))
        {
            if (await FindUnfinishedMergeAsync(work, options.SiblingFolders).ConfigureAwait(false) is { } journal)
            {
                return await ResumeMergeAsync(work, journal, options, progress).ConfigureAwait(false);
            }

            (int from, int to) = (options.FromDepth, options.ToDepth);
            if (work.Levels.Count == 1)
            {
                throw new ImageException(ImageErrorKind.InvalidArgument, $"{Shown}: has no parent, so that there is nothing to merge.", Path, MergeOperation);
            }

            if (from < 0 || to <= from || to >= work.Levels.Count)
            {
                throw new ImageException(
                    ImageErrorKind.InvalidArgument, $"{Shown}: cannot merge the levels {from} to {to}: the disk has the levels 0 to {work.Levels.Count - 1}, 0 is the top, and a merge takes two or more.", Path, MergeOperation);
            }

            MergeDirection direction = await ChooseDirectionAsync(work, from, to, options).ConfigureAwait(false);
            return await RunMergeAsync(work, from, to, direction, journal: null, options, progress).ConfigureAwait(false);
        }
    }

    /// <summary>Finishes a merge that was interrupted; null when there is none, or what is beside the images is not this disk's to finish.</summary>
    internal async ValueTask<MergeResult?> FinishMergeAsync(MergeOptions options, CancellationToken cancellationToken)
    {
        Rearrangement work = await Rearrangement.BeginAsync(this, MergeOperation, cancellationToken).ConfigureAwait(false);
        await using (work.ConfigureAwait(false))
        {
            return await FindUnfinishedMergeAsync(work, options.SiblingFolders).ConfigureAwait(false) is { } journal
                ? await ResumeMergeAsync(work, journal, options, progress: null).ConfigureAwait(false)
                : null;
        }
    }

    private async ValueTask<MergeJournal?> FindUnfinishedMergeAsync(Rearrangement work, IReadOnlyList<string> siblingFolders)
    {
        MergeJournal? journal = await FindJournalAsync(work).ConfigureAwait(false);
        if (journal is null)
        {
            return null;
        }

        IReadOnlyList<Level> chain = work.Levels;
        Level survivor = chain[DepthOf(chain, journal.Survivor)];
        if (!journal.IsCommit)
        {
            if (!journal.TakesTop || IsTopToGo(chain, DepthOf(chain, journal.Survivor), journal) || !chain.Any(journal.IsNeighbour))
            {
                return journal;
            }

            // The top that was to go has got levels above it since, or others beneath it: that merge was given up. What it had taken out of the chain by then
            // goes all the same.
            if (_host is not null && !journal.KeepsFiles && !journal.NamesAnyOf(chain))
            {
                await new MergeLeftovers(_host, journal, survivor, chain).RemoveAsync(siblingFolders, work.Token).ConfigureAwait(false);
            }
        }

        // Of a commit nothing has to be tidied up.
        await MergeJournal.RemoveAsync(survivor).ConfigureAwait(false);
        return null;
    }

    /// <summary>Goes on where a merge was interrupted, as far as the chain shows it.</summary>
    private async ValueTask<MergeResult> ResumeMergeAsync(Rearrangement work, MergeJournal journal, MergeOptions asked, IProgress<OperationProgress>? progress)
    {
        IReadOnlyList<Level> chain = work.Levels;
        int survivor = DepthOf(chain, journal.Survivor);
        int[] listed = [.. Enumerable.Range(0, chain.Count).Where(depth => journal.Names(chain[depth].Mark))];
        MergeOptions options = asked with { KeepFiles = journal.KeepsFiles };
        if (journal.Direction == MergeDirection.Down && journal.TakesTop)
        {
            if (IsTopToGo(chain, survivor, journal))
            {
                return await RunMergeAsync(work, 0, survivor, MergeDirection.Down, journal, options, progress).ConfigureAwait(false);
            }
        }
        else if (listed.Length > 0 && listed[^1] - listed[0] == listed.Length - 1)
        {
            bool isDown = journal.Direction == MergeDirection.Down;
            bool isFit = journal.IsNeighbour(chain.ElementAtOrDefault(isDown ? listed[0] - 1 : listed[^1] + 1));
            if ((isDown ? listed[^1] == survivor - 1 && listed[0] > 0 : listed[0] == survivor + 1) && (isFit || IsNeighbourOutdated(chain, journal)))
            {
                options = options with { KeepFiles = journal.KeepsFiles || (!isFit && asked.KeepFiles) };
                return await RunMergeAsync(work, isDown ? listed[0] : survivor, isDown ? survivor : listed[^1], journal.Direction, journal, options, progress, isOutdated: !isFit).ConfigureAwait(false);
            }
        }

        return await TryFinishMergeAsync(work, journal, options.SiblingFolders).ConfigureAwait(false) ?? throw new ImageException(
            ImageErrorKind.InvalidArgument,
            $"{Shown}: a merge into '{DisplayText.Escape(chain[survivor].Path)}' was interrupted, and cannot be finished from here: {WhyNotFinished(chain, journal)}. If nothing is left of that, remove '{DisplayText.Escape(MergeJournal.PathOf(chain[survivor].Path))}'.",
            Path,
            MergeOperation);
    }

    private static bool IsTopToGo(IReadOnlyList<Level> chain, int survivor, MergeJournal journal) =>
        survivor > 0 && journal.IsNeighbour(chain[0]) && journal.NamesAll(chain, 1, survivor - 1);

    private async ValueTask<MergeDirection> ChooseDirectionAsync(Rearrangement work, int from, int to, MergeOptions options)
    {
        if (options.Direction != MergeDirection.Auto)
        {
            return options.Direction;
        }

        (ImageException? down, bool mayDelete) = await WhyNotAsync(work, from, to, MergeDirection.Down, options).ConfigureAwait(false);
        (ImageException? up, _) = await WhyNotAsync(work, from, to, MergeDirection.Up, options).ConfigureAwait(false);
        if (down is not null || up is not null)
        {
            // Where neither goes, the one that is taken says why.
            return down is null ? MergeDirection.Down : MergeDirection.Up;
        }

        if (from == 0 && !mayDelete && !options.KeepFiles)
        {
            // A top that has to stay is better off as the survivor.
            return MergeDirection.Up;
        }

        Level[] chain = [.. work.Levels];
        PushEstimate push = await PushEstimate.OfAsync(chain[from..to], chain[to], work.Token).ConfigureAwait(false);
        return push.DataBytes < await EstimatePullBytesAsync(chain, from, to, work.Token).ConfigureAwait(false) ? MergeDirection.Down : MergeDirection.Up;
    }

    private async ValueTask<(ImageException? Refusal, bool MayDelete)> WhyNotAsync(Rearrangement work, int from, int to, MergeDirection direction, MergeOptions options)
    {
        try
        {
            return (null, await RequireMergeableAsync(work, from, to, direction, gone: null, options).ConfigureAwait(false));
        }
        catch (ImageException exception)
        {
            return (exception, false);
        }
    }

    /// <summary>Throws unless a merge in a direction may begin; returns whether files may be deleted, because for certain nobody else needs them.</summary>
    private async ValueTask<bool> RequireMergeableAsync(Rearrangement work, int from, int to, MergeDirection direction, MergeJournal? gone, MergeOptions options)
    {
        Level[] chain = [.. work.Levels];
        bool isDown = direction == MergeDirection.Down;
        if (chain[to].Image is DiskAsImage)
        {
            throw new ImageException(
                ImageErrorKind.NotSupported, $"{Shown}: the level {to}, '{DisplayText.Escape(chain[to].Path)}', was given as an open disk, and cannot be merged. Close both, and open the chain by its files.", Path, MergeOperation);
        }

        // Who names another parent afterwards.
        Level? child = !isDown ? chain[from] : from > 0 ? chain[from - 1] : to > 1 ? chain[0] : null;
        if (child is not null && (child.Image.Backend.Capabilities & ImageCapabilities.SetParent) == 0)
        {
            throw new ImageException(
                ImageErrorKind.NotSupported, $"{DisplayText.Escape(child.Path)}: the format '{child.FormatId}' cannot change the parent's name, as this merge would have to.", child.Path, MergeOperation);
        }

        if (isDown && chain[to].Image.VirtualSizeBytes > chain[from].Image.VirtualSizeBytes && (chain[to].Image.Backend.Capabilities & ImageCapabilities.Shrink) == 0)
        {
            throw new ImageException(
                ImageErrorKind.NotSupported,
                $"{DisplayText.Escape(chain[to].Path)}: {chain[to].Image.VirtualSizeBytes} bytes are more than the {chain[from].Image.VirtualSizeBytes} of '{DisplayText.Escape(chain[from].Path)}', and the format '{chain[to].FormatId}' cannot shrink. Merge upwards.",
                chain[to].Path,
                MergeOperation);
        }

        if (isDown && from == 0 && Children.Count > 0)
        {
            throw new ImageException(ImageErrorKind.InUse, $"{Shown}: {Children.Count} open disks have this one as their parent, and would lose its file. Close them first, or merge upwards.", Path, MergeOperation);
        }

        if (isDown && from == 0 && !options.KeepFiles && chain[0].Storage is FileStorage top && !top.File.HasName(chain[0].Path))
        {
            throw new ImageException(
                ImageErrorKind.InvalidArgument, $"{Shown}: this name is a link, or leads to another file by now, so that the top's file could not be deleted at the end, and would hide what is written from then on. Open the file by its own name, or merge upwards.", Path, MergeOperation);
        }

        // Upwards only those are concerned that go.
        IEnumerable<Level> touched = isDown ? chain[from..(to + 1)] : options.KeepFiles ? [] : chain[(from + 1)..(to + 1)];
        return await ChainSiblings.RequireNoneAsync(_host, chain, touched, gone, options.SiblingFolders, MergeOperation, _logger, work.Token).ConfigureAwait(false);
    }

    private async ValueTask<MergeResult> RunMergeAsync(
        Rearrangement work, int from, int to, MergeDirection direction, MergeJournal? journal, MergeOptions options, IProgress<OperationProgress>? progress, bool isOutdated = false)
    {
        if (!await RequireMergeableAsync(work, from, to, direction, journal, options).ConfigureAwait(false) && !options.KeepFiles)
        {
            _logger.LogWarning("{Path}: the files of the merged levels stay, because of some images it cannot be told whether they need one of them", Shown);
            options = options with { KeepFiles = true };
        }

        Level[] chain = [.. work.Levels];
        Level survivor = direction == MergeDirection.Down ? chain[to] : chain[from];
        var trace = new MergeTrace(isOutdated ? null : journal, () => MergeJournal.For(chain, from, to, direction, options.KeepFiles), survivor, isOutdated);
        try
        {
            long copied = direction == MergeDirection.Up ? await MergeUpAsync(work, from, to, options, () => BeginLinkingAsync(work, trace), progress).ConfigureAwait(false)
                : from > 0 ? await MergeDownAsync(work, from, to, trace, options, progress).ConfigureAwait(false)
                : await MergeTopDownAsync(work, to, trace, options, progress).ConfigureAwait(false);
            Level[] gone = [.. chain.Except(work.Levels)];
            await RemoveLevelsAsync(gone, options, trace).ConfigureAwait(false);
            return await EndMergeAsync(work, trace, direction, copied, gone, options).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            if (work.Levels.SequenceEqual(chain) && !trace.MayBeLinked(exception))
            {
                await trace.WithdrawAsync(_logger).ConfigureAwait(false);
            }

            // Those that belong to the chain no more are nobody's to close but ours. Their files wait for who finishes the merge.
            await RemoveLevelsAsync([.. chain.Except(work.Levels)], options with { KeepFiles = true }, trace).ConfigureAwait(false);
            throw;
        }
    }

    private static async ValueTask BeginLinkingAsync(Rearrangement work, MergeTrace trace)
    {
        await trace.WriteAsync(work.Token).ConfigureAwait(false);
        trace.IsLinking = true;
    }

    private async ValueTask<MergeResult> EndMergeAsync(
        Rearrangement work, MergeTrace trace, MergeDirection direction, long copied, IReadOnlyList<Level> gone, MergeOptions options)
    {
        List<string> removed = [.. trace.Removed];
        if (trace.Earlier is { KeepsFiles: false } earlier && _host is not null)
        {
            removed.AddRange(await new MergeLeftovers(_host, earlier, trace.Survivor, work.Levels).RemoveAsync(options.SiblingFolders, work.Token).ConfigureAwait(false));
        }

        await trace.EndAsync().ConfigureAwait(false);
        trace.Unsure.ThrowIfAny(MergeOperation, trace.Survivor.Path);
        return new MergeResult
        {
            Direction = direction,
            SurvivorPath = trace.Survivor.Path,
            CopiedBytes = copied,
            RemovedPaths = [.. removed.Distinct()],
            KeptPaths = [.. gone.Where(level => level.Storage is FileStorage).Select(level => level.Path).Union(LeftOf(trace.Earlier)).Except(removed)],
        };
    }

    private static IEnumerable<string> LeftOf(MergeJournal? journal) => journal?.Remaining.Select(file => file.Path) ?? [];

    /// <summary>Closes levels that belong to the chain no more, and deletes their files; what could not be is logged.</summary>
    private async ValueTask RemoveLevelsAsync(IReadOnlyList<Level> levels, MergeOptions options, MergeTrace trace)
    {
        Level[] open = [.. levels.Where(trace.Closed.Add)];
        bool keepsFiles = options.KeepFiles;
        if (!keepsFiles && await HaveNewChildrenAsync(open, trace.Earlier, options.SiblingFolders, MergeOperation).ConfigureAwait(false))
        {
            keepsFiles = true;
            trace.HasRemains = true;
        }

        foreach (Level level in open)
        {
            if (keepsFiles || level.Storage is not FileStorage)
            {
                await CloseSupersededAsync([level]).ConfigureAwait(false);
            }
            else if (await LevelRemoval.RemoveAsync(level, trace.Unsure, _logger).ConfigureAwait(false))
            {
                trace.Removed.Add(level.Path);
            }
            else
            {
                trace.HasRemains = true;
            }
        }
    }

    /// <summary>Whether somebody has made an overlay of one of the levels since the operation began, or that cannot be told: then their files stay.</summary>
    private async ValueTask<bool> HaveNewChildrenAsync(Level[] levels, MergeJournal? gone, IReadOnlyList<string> siblingFolders, string operation)
    {
        try
        {
            if (await ChainSiblings.RequireNoneAsync(
                _host, [.. _generation.Levels, .. levels], levels, gone, siblingFolders, operation, _logger, CancellationToken.None).ConfigureAwait(false))
            {
                return false;
            }

            _logger.LogWarning("{Path}: the files of the levels that are left out stay, because of some images it cannot be told whether they need one of them", Shown);
            return true;
        }
        catch (ImageException exception)
        {
            _logger.LogWarning(exception, "{Path}: the files of the levels that are left out stay: {Message}", Shown, exception.Message);
            return true;
        }
    }
}
