namespace QedVd.Host;

/// <content>Images in folders: who is whose parent.</content>
public sealed partial class DiskHost
{
    /// <summary>
    /// Looks at the files in some folders: which are images, and who is whose parent. Reads headers only, takes no locks, so that images in use are seen too,
    /// and opens no parent that the policy does not allow. What is no image is left out, unless an image has it as its parent; raw is never guessed.
    /// </summary>
    /// <remarks>One broken or hostile file does not end the scan: it is a problem in the result, or the reason why a link is broken.
    /// Only regular files are looked at; links are followed as far as the trust goes.</remarks>
    /// <param name="folders">The folders; they must exist.</param>
    /// <param name="options">How; null: these folders only, parents confined to them.</param>
    /// <param name="progress">Told how many files have been looked at, of how many.</param>
    /// <param name="cancellationToken">Stops between files.</param>
    /// <exception cref="ImageException">One of the folders cannot be listed.</exception>
    public async ValueTask<ImageForest> ScanAsync(
        IReadOnlyList<string> folders, ScanOptions? options = null, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(folders);
        ThrowIfDisposed();
        options ??= new ScanOptions();
        ArgumentOutOfRangeException.ThrowIfNegative(options.MaxFolderDepth, nameof(options));
        ArgumentOutOfRangeException.ThrowIfNegative(options.MaxFiles, nameof(options));
        return await Task.Run(
            async () => await new FolderScan(_opener, options, progress).RunAsync(folders, cancellationToken).ConfigureAwait(false), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Repairs the link of an image whose parent was moved or renamed: finds the parent, checks that it fits, and stores its name. It must have the name
    /// that the image remembers, and be the only one that fits. Where there is none, the refusal lists other images of the right format and the same size:
    /// they are taken only when the caller names one (<see cref="AdoptOptions.ParentPath"/>).
    /// </summary>
    /// <remarks>Fits: of the format that the image says, with certainty (raw only where the image marks its parent as raw, and by name); its own chain is sound and does not
    /// lead back to the image; nobody is writing to it. That it holds what the image was made on cannot be proved: mind <see cref="AdoptResult.Warnings"/>.
    /// Nothing is changed when the link is sound. The image must not be in use. Safe against a crash: the old name or the new one.</remarks>
    /// <param name="imagePath">The image.</param>
    /// <param name="options">Where to look; null: in the image's folder.</param>
    /// <param name="cancellationToken">Gives up before the change.</param>
    /// <exception cref="ImageException"><see cref="ImageErrorKind.NotFound"/> when nothing fits, <see cref="ImageErrorKind.InvalidArgument"/> when more than one does:
    /// the message lists what was looked at, and why it does or does not fit.</exception>
    public async ValueTask<AdoptResult> AdoptParentAsync(string imagePath, AdoptOptions? options = null, CancellationToken cancellationToken = default)
    {
        ThrowIfDisposed();
        string full = HostPath.GetFull(imagePath);
        options ??= new AdoptOptions();
        AdoptResult result = await Task.Run(
            async () => await new ParentAdoption(_opener, full, options).FindAsync(cancellationToken).ConfigureAwait(false), cancellationToken).ConfigureAwait(false);
        if (result.IsChanged && !options.DryRun)
        {
            var name = new SetParentOptions { Format = result.ParentFormatId, AbsoluteName = options.AbsoluteName };
            await SetParentNameAsync(full, result.ParentPath, name, cancellationToken: cancellationToken).ConfigureAwait(false);
        }

        return result;
    }

    /// <summary>
    /// The files in these folders whose parent is one of <paramref name="parents"/>, whatever they call it. Never fails because of one file: what could not be
    /// read is in <see cref="SiblingReport.Uncertain"/>, for the result of the operation that asks.
    /// </summary>
    /// <param name="parents">The images in question.</param>
    /// <param name="except">Files that are not asked about: those of the chain itself.</param>
    /// <param name="folders">Where to look; not below them.</param>
    /// <param name="cancellationToken">Gives up.</param>
    internal async ValueTask<SiblingReport> FindChildrenAsync(
        IReadOnlyCollection<StorageIdentity> parents, IReadOnlyCollection<StorageIdentity> except, IReadOnlyList<string> folders, CancellationToken cancellationToken) =>
        await Task.Run(async () => await new SiblingFinder(_opener).FindAsync(parents, except, folders, cancellationToken).ConfigureAwait(false), cancellationToken).ConfigureAwait(false);
}
