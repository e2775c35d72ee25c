namespace QedVd;

/// <summary>
/// A format driver. Loaded from a plugin (a public class with a public parameterless constructor, declared by
/// <see cref="ImageBackendAttribute"/>) or registered by the program. Derive from <see cref="ImageBackendBase"/> to write each algorithm once.
/// </summary>
/// <remarks>
/// <para>Stateless and thread safe. A backend gets storages that the host has opened; it never opens a path, a parent or a device,
/// starts no thread and no timer in its constructor, and treats every byte of an image as hostile.</para>
/// <para>Errors: <see cref="ImageException"/>; messages name the storage, the field and the values.</para>
/// </remarks>
public interface IImageBackend
{
    /// <summary>What this backend is. Constant.</summary>
    BackendInfo Info { get; }

    /// <summary>Whether a file looks like an image of this format. A pure function of its input; never throws for any input.</summary>
    ProbeResult Probe(in ProbeInput input);

    /// <summary>
    /// Opens an image. On success the image owns the storage and disposes it at its close; on failure the caller keeps it, and not a byte of it
    /// has been changed. A read-only opening never writes.
    /// </summary>
    IDiskImage Open(IImageStorage storage, ImageOpenOptions options);

    /// <inheritdoc cref="Open"/>
    ValueTask<IDiskImage> OpenAsync(IImageStorage storage, ImageOpenOptions options, CancellationToken cancellationToken = default);

    /// <summary>
    /// Writes an empty image into a storage that is new and empty, and makes it durable. The storage stays the caller's, who puts it in its place
    /// or throws it away, so that a crash leaves no image or a valid one.
    /// </summary>
    void Create(IImageStorage storage, ImageCreateOptions options) => throw ImageException.NotSupported($"creating {Info.Id} images", storage?.Name);

    /// <inheritdoc cref="Create"/>
    ValueTask CreateAsync(IImageStorage storage, ImageCreateOptions options, CancellationToken cancellationToken = default) =>
        throw ImageException.NotSupported($"creating {Info.Id} images", storage?.Name);

    /// <summary>
    /// Checks a closed image, and repairs it when asked, without losing data that was reachable. Needs memory for one bit per block at most,
    /// and follows no parent. The storage stays the caller's.
    /// </summary>
    ValueTask<CheckReport> CheckAsync(IImageStorage storage, CheckOptions options, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default) =>
        throw ImageException.NotSupported($"checking {Info.Id} images", storage?.Name);

    /// <summary>What an image would need that is made so, empty to begin with. Touches no file.</summary>
    /// <exception cref="ImageException"><see cref="ImageErrorKind.InvalidArgument"/> for what <see cref="Create"/> would refuse.</exception>
    ImageMeter CreateMeter(ImageCreateOptions options) => throw ImageException.NotSupported($"measuring {Info.Id} images");
}
