namespace QedVd.Host;

/// <content>Operations that rearrange a chain that is not in use: open, do, close. What closing could not save is thrown.</content>
public sealed partial class DiskHost
{
    /// <summary>Commits an image that is not in use into a level beneath it; see <see cref="VirtualDisk.CommitAsync"/>.</summary>
    /// <param name="path">The top image.</param>
    /// <param name="commit">How; null: into the direct parent.</param>
    /// <param name="options">How the image and its parents are opened; always for writing.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellationToken">Stops between pieces.</param>
    public async ValueTask<CommitResult> CommitAsync(
        string path, CommitOptions? commit = null, DiskOpenOptions? options = null, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        CommitResult? result = null;
        await WithDiskAsync(path, options, async disk => result = await disk.CommitAsync(commit, progress, cancellationToken).ConfigureAwait(false), cancellationToken).ConfigureAwait(false);
        return result!;
    }

    /// <summary>
    /// Merges levels of an image that is not in use; see <see cref="VirtualDisk.MergeAsync"/>. When an earlier merge was interrupted, that one is finished instead, also
    /// one that has deleted the top already.
    /// </summary>
    /// <param name="path">The top image.</param>
    /// <param name="merge">Which levels and how; null: the top and its parent.</param>
    /// <param name="options">How the image and its parents are opened; always for writing.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellationToken">Stops between pieces.</param>
    public async ValueTask<MergeResult> MergeAsync(
        string path, MergeOptions? merge = null, DiskOpenOptions? options = null, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        string full = HostPath.GetFull(path);
        if (!File.Exists(full) && await FindSurvivorAsync(full, cancellationToken).ConfigureAwait(false) is { } survivor
            && await FinishMergeAsync(survivor, merge, options, cancellationToken).ConfigureAwait(false) is { } finished)
        {
            return finished;
        }

        MergeResult? result = null;
        await WithDiskAsync(full, options, async disk => result = await disk.MergeAsync(merge, progress, cancellationToken).ConfigureAwait(false), cancellationToken).ConfigureAwait(false);
        return result!;
    }

    /// <summary>
    /// Finishes a merge that was interrupted, of whose levels <paramref name="survivorPath"/> is the one that stays: <see cref="UnfinishedMerge.SurvivorPath"/> names it.
    /// </summary>
    /// <param name="survivorPath">The image beside which the journal lies.</param>
    /// <param name="merge">How, as it was begun: its <see cref="MergeOptions.SiblingFolders"/> are looked through again. Which levels, and where to, the journal says.</param>
    /// <param name="options">How the image and its parents are opened; always for writing.</param>
    /// <param name="cancellationToken">Stops between pieces.</param>
    /// <returns>What was merged; null when there was nothing to finish.</returns>
    /// <exception cref="ImageException">Also where the chain has to be opened by another image for that: the message names it.</exception>
    public async ValueTask<MergeResult?> FinishMergeAsync(
        string survivorPath, MergeOptions? merge = null, DiskOpenOptions? options = null, CancellationToken cancellationToken = default)
    {
        ThrowIfDisposed();
        string full = HostPath.GetFull(survivorPath);
        FilePeek peek = FilePeek.At(full);
        if (!peek.IsRegular || await MergeJournal.ReadAsync(full, peek.Mark, cancellationToken).ConfigureAwait(false) is not { } journal)
        {
            return null;
        }

        // Downwards the level above has to be seen; a journal may name one beside the survivor, and no other.
        string top = journal.Direction == MergeDirection.Down && journal.Neighbour is { } above && Path.GetDirectoryName(above.Path) == Path.GetDirectoryName(full)
            && FilePeek.At(above.Path) is { IsRegular: true, IsLink: false } found && journal.IsNeighboursFile(found.Mark) ? above.Path : full;
        MergeResult? result = null;
        options = (options ?? new DiskOpenOptions()) with { Format = top == full ? journal.SurvivorFormat : options?.Format };
        await WithDiskAsync(top, options, async disk => result = await disk.FinishMergeAsync(merge ?? new MergeOptions(), cancellationToken).ConfigureAwait(false), cancellationToken).ConfigureAwait(false);
        return result;
    }

    /// <summary>The image that took what a top held that a merge has deleted; null when no journal beside it says so.</summary>
    private static async ValueTask<string?> FindSurvivorAsync(string topPath, CancellationToken cancellationToken)
    {
        string? folder = Path.GetDirectoryName(topPath);
        if (folder is null || !Directory.Exists(folder))
        {
            return null;
        }

        foreach (UnfinishedMerge merge in FolderListing.Of(folder).Select(UnfinishedMerge.Of).OfType<UnfinishedMerge>())
        {
            FilePeek peek = FilePeek.At(merge.SurvivorPath);
            if (peek.IsRegular && await MergeJournal.ReadAsync(merge.SurvivorPath, peek.Mark, cancellationToken).ConfigureAwait(false) is { TakesTop: true, Neighbour: { } top } && top.Path == topPath)
            {
                return merge.SurvivorPath;
            }
        }

        return null;
    }
}
