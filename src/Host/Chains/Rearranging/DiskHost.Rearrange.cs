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
}
