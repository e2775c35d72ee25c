using Microsoft.Extensions.Logging;

namespace QedVd.Host;

/// <content>Committing the top into a level beneath it.</content>
public sealed partial class VirtualDisk
{
    private const string CommitOperation = "commit";

    /// <summary>
    /// Writes what the top, and the levels between, hold into a level beneath, while the disk is in use; then empties the top of it. What the disk reads
    /// stays the same at every instant, and after a crash: doing it again finishes the work.
    /// </summary>
    /// <remarks>
    /// <para>The target grows when it is shorter than the disk, and keeps its size when it is longer. What was written meanwhile stays in the top. With a target below
    /// the direct parent, the top's parent is the target afterwards.</para>
    /// <para>Refused when other images are known that have the target, or a level between, as their parent: they would read something else.</para>
    /// <para>When it fails or is cancelled, the disk goes on as it was; the target may hold a part of it already.</para>
    /// </remarks>
    /// <param name="options">How; null: into the direct parent.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellationToken">Stops between pieces.</param>
    /// <exception cref="ImageException"><see cref="ImageErrorKind.InUse"/> for a target that others use, or that has other children;
    /// <see cref="ImageErrorKind.ReadOnly"/>, <see cref="ImageErrorKind.NotSupported"/>, <see cref="ImageErrorKind.InvalidArgument"/>, <see cref="ImageErrorKind.OutOfSpace"/>.</exception>
    public async ValueTask<CommitResult> CommitAsync(CommitOptions? options = null, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        options ??= new CommitOptions();
        Rearrangement work = await Rearrangement.BeginAsync(this, CommitOperation, cancellationToken).ConfigureAwait(false);
        await using (work.ConfigureAwait(false))
        {
            MergeJournal? earlier = await FindUnfinishedCommitAsync(work, options).ConfigureAwait(false);
            MergeJournal? journal = earlier;
            int depth = journal is null ? options.TargetDepth : DepthOf(work.Levels, journal.Survivor);
            RequireDepth(depth, CommitOperation);
            Level[] chain = [.. work.Levels];
            Level target = chain[depth];
            if (depth > 1)
            {
                RequireCapability(ImageCapabilities.SetParent, "give another parent to");
                await RequireNoJournalAsync(target, earlier, work.Token).ConfigureAwait(false);
            }

            await ChainSiblings.RequireNoneAsync(_host, chain, chain[1..(depth + 1)], journal, options.SiblingFolders, CommitOperation, _logger, work.Token).ConfigureAwait(false);
            PushEstimate estimate = await PushEstimate.OfAsync(chain[..depth], target, work.Token).ConfigureAwait(false);
            RequireRoom(target, estimate.NewBytes, options, CommitOperation);

            VirtualDisk below = await work.WriteToAsync(depth).ConfigureAwait(false);
            await GrowToDiskAsync(below, LengthBytes, work.Token).ConfigureAwait(false);
            await work.TrackAnewAsync().ConfigureAwait(false);
            using var push = NewPush(chain[..depth], below, options, estimate.DataBytes, "committing", progress);
            await push.CopyAllAsync(work.Token).ConfigureAwait(false);
            await below.FlushAsync(work.Token).ConfigureAwait(false);
            if (depth > 1)
            {
                journal ??= await WriteJournalAsync(MergeJournal.For(chain, 1, depth, MergeDirection.Down, keepsFiles: true) is { } made ? made with { IsCommit = true } : null, target, work.Token).ConfigureAwait(false);
                await work.RelinkAsync(0, target).ConfigureAwait(false);
            }

            // Also with the same levels: they are looked at anew, the target has another size and holds more.
            await work.PublishAsync([chain[0], .. chain[depth..]]).ConfigureAwait(false);
            UnsureDeletions unsure = new();
            (List<string> deleted, bool hasRemains) = await LeaveSupersededAsync(chain[1..depth], earlier, unsure, options).ConfigureAwait(false);
            await work.FreezeAsync(target).ConfigureAwait(false);
            if (!options.KeepTop)
            {
                await EmptyTopAsync(work.Changes!, progress, work.Token).ConfigureAwait(false);
            }

            if (earlier is not null && options.DeleteSuperseded && _host is not null)
            {
                deleted.AddRange(await new MergeLeftovers(_host, earlier, target, work.Levels).RemoveAsync(options.SiblingFolders, work.Token).ConfigureAwait(false));
            }

            if (journal is not null && !unsure.HasKept && !hasRemains)
            {
                await MergeJournal.RemoveAsync(target, unsure).ConfigureAwait(false);
            }

            unsure.ThrowIfAny(CommitOperation, target.Path);
            return new CommitResult
            {
                CopiedBytes = push.CopiedBytes,
                TargetPath = target.Path,
                SupersededPaths = [.. chain[1..depth].Select(level => level.Path).Union(LeftOf(earlier)).Except(deleted)],
                DeletedPaths = [.. deleted.Distinct()],
            };
        }
    }

    /// <summary>A commit past levels that was interrupted after the top had got its new parent, or just before: it is finished instead of what was asked for.</summary>
    private async ValueTask<MergeJournal?> FindUnfinishedCommitAsync(Rearrangement work, CommitOptions options)
    {
        MergeJournal? journal = await FindJournalAsync(work).ConfigureAwait(false);
        if (journal is { IsCommit: false })
        {
            // A merge: what it has left is tidied up. Where it had not come so far, this commit does not mind.
            await TryFinishMergeAsync(work, journal, options.SiblingFolders).ConfigureAwait(false);
        }

        if (journal is not { IsCommit: true } || !journal.IsNeighbour(work.Levels[0]) || DepthOf(work.Levels, journal.Survivor) is not (> 0 and int target))
        {
            return null;
        }

        if (journal.NamesAll(work.Levels, 1, target - 1))
        {
            return journal;
        }

        // The chain is another one now, and of a commit nothing has to be tidied up.
        await MergeJournal.RemoveAsync(work.Levels[target]).ConfigureAwait(false);
        return null;
    }

    /// <summary>There is room for one journal beside a target: that of another chain's merge would be found in the way only after all is copied.</summary>
    private async ValueTask RequireNoJournalAsync(Level target, MergeJournal? own, CancellationToken cancellationToken)
    {
        if (own is null && target.Mark is { } mark && await MergeJournal.ReadAsync(target.Path, mark, cancellationToken).ConfigureAwait(false) is { } other)
        {
            string hint = other is { IsCommit: false, Neighbour: { } neighbour } ? $" Merge the chain of '{DisplayText.Escape(neighbour.Path)}' first." : "";
            throw new ImageException(
                ImageErrorKind.InvalidArgument,
                $"{Shown}: cannot commit past levels into '{DisplayText.Escape(target.Path)}': another merge or commit into it was interrupted.{hint} If nothing is left of that, remove '{DisplayText.Escape(MergeJournal.PathOf(target.Path))}'.",
                Path,
                CommitOperation);
        }
    }

    private LevelPush NewPush(IReadOnlyList<Level> levels, VirtualDisk target, ChainOperationOptions options, long totalBytes, string phase, IProgress<OperationProgress>? progress) =>
        new(levels, target, LimiterFor(options), EarlyBarriersOf(target), totalBytes, phase, progress);

    /// <summary>Frees, in the top, what has not been changed since <paramref name="changes"/> began: the level beneath has the same, durably.</summary>
    private async ValueTask EmptyTopAsync(ChangeTracker changes, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        Level top = _generation.Levels[0];
        if ((top.Image.Capabilities & ImageCapabilities.Compact) == 0)
        {
            _logger.LogInformation("{Path}: the format '{Format}' cannot be emptied; the image stays filled with what was committed", Shown, top.FormatId);
            return;
        }

        // Nothing is looked at but what was asked for.
        var empty = new CompactOptions { DropZeroBlocks = false, IsHeldBeneath = (offset, length) => !changes.IsChanged(offset, length) };
        await top.AskAsync("emptying", progress, (image, told) => image.CompactAsync(empty, told, cancellationToken), cancellationToken).ConfigureAwait(false);
    }

    private static async ValueTask GrowToDiskAsync(VirtualDisk target, long lengthBytes, CancellationToken cancellationToken)
    {
        if (target.LengthBytes < lengthBytes)
        {
            await target.ResizeAsync(lengthBytes, cancellationToken: cancellationToken).ConfigureAwait(false);
        }
    }

    private static void RequireRoom(Level target, long neededBytes, ChainOperationOptions options, string operation)
    {
        if (!options.SkipSpaceCheck && target.Storage is FileStorage)
        {
            VolumeRoom.Require(target.Path, neededBytes, operation);
        }
    }

    private void RequireDepth(int depth, string operation)
    {
        int levels = _generation.Levels.Length;
        if (depth < 1 || depth >= levels)
        {
            throw new ImageException(
                ImageErrorKind.InvalidArgument,
                levels == 1
                    ? $"{Shown}: cannot {operation}: the disk has one level, and no parent."
                    : $"{Shown}: cannot {operation}: the level {depth} is not one beneath the top; those have the numbers 1 to {levels - 1}.",
                Path,
                operation);
        }
    }

    /// <summary>
    /// Closes the levels between, and deletes their files where that is asked for and nobody has made an overlay of one meanwhile; returns what was deleted, and whether
    /// something is left that doing it again may delete.
    /// </summary>
    private async ValueTask<(List<string> Deleted, bool HasRemains)> LeaveSupersededAsync(Level[] levels, MergeJournal? earlier, UnsureDeletions unsure, CommitOptions options)
    {
        List<string> deleted = [];
        bool hasRemains = false;
        bool deletes = options.DeleteSuperseded && levels.Length > 0 && !await HaveNewChildrenAsync(levels, earlier, options.SiblingFolders, CommitOperation).ConfigureAwait(false);
        foreach (Level level in levels)
        {
            if (!deletes || level.Storage is not FileStorage)
            {
                await CloseSupersededAsync([level]).ConfigureAwait(false);
            }
            else if (await LevelRemoval.RemoveAsync(level, unsure, _logger).ConfigureAwait(false))
            {
                deleted.Add(level.Path);
            }
            else
            {
                hasRemains = true;
            }
        }

        return (deleted, hasRemains);
    }

    // They were only read: what goes wrong here concerns nobody's data.
    private async ValueTask CloseSupersededAsync(IReadOnlyList<Level> levels)
    {
        if (await CloseLevelsAsync<AsyncIo>(levels).ConfigureAwait(false) is { } failure)
        {
            _logger.LogWarning(failure, "{Path}: closing a level that is of no use any more failed", Shown);
        }
    }
}
