namespace QedVd.Host;

/// <content>Back to what the disk held before its top was put on it.</content>
public sealed partial class VirtualDisk
{
    private const string RevertOperation = "revert";

    /// <summary>
    /// Takes the top off the disk while it is in use: the disk goes on with the top's parent, which becomes writable, and reads what that holds. What was written
    /// since the top was put on it is gone, and its file is deleted, durably, before anything is written to the parent. <see cref="SnapshotAsync"/> first keeps the
    /// parent as it is.
    /// </summary>
    /// <remarks>
    /// <para>Reads see the one or the other; writes wait for the moment of the change, and those under way are in the top. <see cref="Path"/> follows, and
    /// <see cref="LengthBytes"/> is the parent's.</para>
    /// <para>When it fails or is cancelled, the disk goes on with its top, or the message says that all is done: where the deletion may not outlast a power failure.</para>
    /// </remarks>
    /// <param name="options">How; null: the file is deleted.</param>
    /// <param name="cancellationToken">Gives up before the change.</param>
    /// <returns>False when the top's file is still there: it was to be kept, is no file, or of some image it cannot be told whether it needs it (a warning in the log).</returns>
    /// <exception cref="ImageException"><see cref="ImageErrorKind.InUse"/> where other images or open disks rely on the top or its parent;
    /// <see cref="ImageErrorKind.InvalidArgument"/> for a disk without parent, or with a merge or commit that was interrupted; <see cref="ImageErrorKind.ReadOnly"/>;
    /// <see cref="ImageErrorKind.NotSupported"/> over an open disk.</exception>
    public async ValueTask<bool> RevertAsync(RevertOptions? options = null, CancellationToken cancellationToken = default)
    {
        options ??= new RevertOptions();
        Rearrangement work = await Rearrangement.BeginAsync(this, RevertOperation, cancellationToken).ConfigureAwait(false);
        await using (work.ConfigureAwait(false))
        {
            if (work.Levels.Count == 1)
            {
                throw new ImageException(ImageErrorKind.InvalidArgument, $"{Shown}: has no parent, so that there is nothing to go back to.", Path, RevertOperation);
            }

            if (await FindJournalAsync(work).ConfigureAwait(false) is { } journal)
            {
                string survivor = work.Levels[DepthOf(work.Levels, journal.Survivor)].Path;
                throw new ImageException(
                    ImageErrorKind.InvalidArgument,
                    $"{Shown}: cannot revert: a {(journal.IsCommit ? "commit" : "merge")} into '{DisplayText.Escape(survivor)}' was interrupted. Finish that first, or, if nothing is left of it, remove '{DisplayText.Escape(MergeJournal.PathOf(survivor))}'.",
                    Path,
                    RevertOperation);
            }

            CloseToChildren(RevertOperation);
            try
            {
                return await TakeTopOffAsync(work, options).ConfigureAwait(false);
            }
            finally
            {
                Children.Reopen();
            }
        }
    }

    private async ValueTask<bool> TakeTopOffAsync(Rearrangement work, RevertOptions options)
    {
        Level[] chain = [.. work.Levels];
        (Level top, Level next) = (chain[0], chain[1]);
        bool deletes = !options.KeepFile && top.Storage is FileStorage;
        bool isSure = await ChainSiblings.RequireNoneAsync(
            _host, chain, deletes ? [top, next] : [next], gone: null, options.SiblingFolders, RevertOperation, _logger, work.Token).ConfigureAwait(false);
        deletes &= isSure;
        await work.WriteToAsync(1).ConfigureAwait(false);
        UnsureDeletions unsure = new();
        await work.HoldWritersAsync().ConfigureAwait(false);
        bool isReplaced = false;
        try
        {
            if (deletes && !await Task.Run(() => LevelRemoval.TryRemoveName(top, unsure, _logger), work.Token).ConfigureAwait(false))
            {
                throw new ImageException(
                    ImageErrorKind.Io, $"{Shown}: cannot revert: the file could not be deleted, and what is written to '{DisplayText.Escape(next.Path)}' would show through it. The disk goes on with it.", Path, RevertOperation);
            }

            GoOnAs(next);
            isReplaced = true;
            await work.PublishHeldAsync([.. chain[1..]]).ConfigureAwait(false);
        }
        finally
        {
            if (!isReplaced)
            {
                work.ReleaseWriters();
            }

            _filters?.Reverted();
        }

        await CloseSupersededAsync([top]).ConfigureAwait(false);
        await work.FreezeAsync(next).ConfigureAwait(false);
        unsure.ThrowIfAny(RevertOperation, next.Path);
        return deletes;
    }

    /// <summary>What the disk was opened as holds for another top now.</summary>
    private void GoOnAs(Level top) =>
        _options = _options with { Format = _options.Format is null ? null : top.FormatId, FormatOptions = new DiskOpenOptions().FormatOptions };
}
