namespace QedVd.Host;

/// <content>Images in folders: who is whose parent.</content>
public sealed partial class DiskHost
{
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
