using Microsoft.Extensions.Logging;

namespace QedVd.Host;

/// <summary>
/// Finds backends, recognises and opens images, composes them into disks, and runs the operations on them.
/// </summary>
/// <remarks>Thread safe. One host per program is enough: it owns the backends and the memory for tables that all its images share.</remarks>
/// <example><code>
/// using var host = new DiskHost();
/// using VirtualDisk disk = host.OpenDisk("vm.qed");
/// disk.Read(0, buffer);
/// </code></example>
public sealed partial class DiskHost : IDisposable, IAsyncDisposable
{
    /// <summary>Sets the host up and loads the plugins.</summary>
    /// <param name="options">How; null: the plugins beside the application.</param>
    /// <param name="loggers">For what an operator wants to know; null: nowhere.</param>
    public DiskHost(DiskHostOptions? options = null, ILoggerFactory? loggers = null) => throw new NotImplementedException();

    /// <summary>The backends of this host, and the plugins that they come from.</summary>
    public BackendCatalog Backends => throw new NotImplementedException();

    /// <summary>Finds out what a file is: every backend's answer, and well-known formats without one. Takes no lock.</summary>
    public ProbeReport Probe(string path) => throw new NotImplementedException();

    /// <inheritdoc cref="Probe"/>
    public ValueTask<ProbeReport> ProbeAsync(string path, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Opens a file and its parents as a disk.</summary>
    /// <param name="path">The top image; a relative path starts at the process's folder.</param>
    /// <param name="options">How; null: for reading and writing, the format found by probing, parents confined to the file's folder.</param>
    /// <exception cref="ImageException">The message names the level, the path and what would help.</exception>
    public VirtualDisk OpenDisk(string path, DiskOpenOptions? options = null) => throw new NotImplementedException();

    /// <inheritdoc cref="OpenDisk(string, DiskOpenOptions)"/>
    public ValueTask<VirtualDisk> OpenDiskAsync(string path, DiskOpenOptions? options = null, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>
    /// Opens a storage as the top image of a disk. <see cref="DiskOpenOptions.Format"/> is required; parents can only be given as
    /// <see cref="DiskOpenOptions.ParentDisk"/> or lie below <see cref="DiskOpenOptions.AllowedRoots"/>. On success the disk owns the storage.
    /// </summary>
    public ValueTask<VirtualDisk> OpenDiskAsync(IImageStorage storage, DiskOpenOptions options, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Opens one image read-only and none of its parents: for dumps, checks and information.</summary>
    public ValueTask<OpenedImage> OpenImageAsync(string path, ImageOpenRequest? request = null, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Describes one image; what it names is reported, never opened.</summary>
    public ValueTask<ImageDescription> DescribeImageAsync(string path, ImageOpenRequest? request = null, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Describes an image and its parents, top first, under the reference policy of <paramref name="options"/>.</summary>
    public ValueTask<IReadOnlyList<ImageDescription>> DescribeChainAsync(string path, DiskOpenOptions? options = null, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Checks one image, and repairs it when <paramref name="check"/> asks for it; parents are never opened.</summary>
    public ValueTask<CheckReport> CheckAsync(string path, CheckOptions? check = null, ImageOpenRequest? request = null, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Creates an image. A crash leaves no file or a complete one.</summary>
    /// <returns>The new image, described.</returns>
    public ValueTask<ImageDescription> CreateImageAsync(string path, string formatId, CreateDiskOptions options, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>
    /// Creates an overlay on a closed image: the parent's name is recorded relative to the overlay where both lie on one volume, with the raw mark
    /// when the parent is raw. For a disk in use see <see cref="VirtualDisk.SnapshotAsync"/>.
    /// </summary>
    /// <returns>The overlay, described.</returns>
    public ValueTask<ImageDescription> CreateOverlayAsync(string parentPath, string overlayPath, CreateOverlayOptions? options = null, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Copies what a disk reads into a new image without a parent; holes and zeros stay holes. Cancelling or failing leaves nothing behind.</summary>
    public ValueTask<OperationResult> ConvertAsync(string source, string target, ConvertOptions options, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Compares what two disks read; parts that are zero in both are skipped.</summary>
    public ValueTask<CompareResult> CompareAsync(string first, string second, CompareOptions? options = null, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    internal void Forget(VirtualDisk disk) => throw new NotImplementedException();

    /// <summary>Closes the host. Disks that are still open stay usable until they are closed, but are logged.</summary>
    public void Dispose() => throw new NotImplementedException();

    /// <inheritdoc cref="Dispose"/>
    public ValueTask DisposeAsync() => throw new NotImplementedException();
}
