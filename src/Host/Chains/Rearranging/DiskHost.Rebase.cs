namespace QedVd.Host;

/// <content>Another parent for an image that is not in use.</content>
public sealed partial class DiskHost
{
    /// <summary>Makes a disk that is not in use independent of its parents; see <see cref="VirtualDisk.FlattenAsync"/>.</summary>
    /// <param name="path">The top image.</param>
    /// <param name="flatten">How; null: as fast as it goes.</param>
    /// <param name="options">How the image and its parents are opened; always for writing.</param>
    /// <param name="progress">Told how far it is, in bytes of the disk.</param>
    /// <param name="cancellationToken">Stops between steps.</param>
    public ValueTask<OperationResult> FlattenAsync(
        string path, FlattenOptions? flatten = null, DiskOpenOptions? options = null, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default) =>
        RearrangeAsync(path, options, disk => disk.FlattenAsync(flatten, progress, cancellationToken), cancellationToken);

    /// <summary>Gives a disk that is not in use another parent, or none, with the same content; see <see cref="VirtualDisk.RebaseAsync"/>.</summary>
    /// <param name="path">The top image.</param>
    /// <param name="parentPath">The new parent's file; null: none.</param>
    /// <param name="rebase">How; null: as in its defaults.</param>
    /// <param name="options">How the image, its parents and the new ones are opened; the image always for writing.</param>
    /// <param name="progress">Told how far it is, in bytes of the disk.</param>
    /// <param name="cancellationToken">Stops between steps.</param>
    public ValueTask<OperationResult> RebaseAsync(
        string path, string? parentPath, RebaseOptions? rebase = null, DiskOpenOptions? options = null, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default) =>
        RearrangeAsync(path, options, disk => disk.RebaseAsync(parentPath, rebase, progress, cancellationToken), cancellationToken);

    private async ValueTask<OperationResult> RearrangeAsync(
        string path, DiskOpenOptions? options, Func<VirtualDisk, ValueTask<OperationResult>> operation, CancellationToken cancellationToken)
    {
        OperationResult result = default;
        bool isOpen = false;
        try
        {
            await WithDiskAsync(
                path,
                options,
                async disk =>
                {
                    isOpen = true;
                    result = await operation(disk).ConfigureAwait(false);
                },
                cancellationToken).ConfigureAwait(false);
            return result;
        }
        catch (ImageException missing) when (!isOpen && missing.Kind == ImageErrorKind.NotFound && missing.Operation == "open parent")
        {
            throw new ImageException(
                ImageErrorKind.NotFound,
                $"{missing.Message} Without its parent nobody can say what the disk reads. To change only the name of the parent, whatever becomes of the content: SetParentNameAsync (rebase -u).",
                missing.Path,
                missing.Operation,
                innerException: missing);
        }
    }
}
