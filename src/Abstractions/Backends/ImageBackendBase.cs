namespace QedVd;

/// <summary>Helps to write a backend: each algorithm once, generic over the I/O mode.</summary>
public abstract class ImageBackendBase : IImageBackend
{
    /// <inheritdoc/>
    public abstract BackendInfo Info { get; }

    /// <inheritdoc/>
    public abstract ProbeResult Probe(in ProbeInput input);

    /// <inheritdoc/>
    public IDiskImage Open(IImageStorage storage, ImageOpenOptions options)
    {
        ArgumentNullException.ThrowIfNull(storage);
        ArgumentNullException.ThrowIfNull(options);
        return SyncIo.Complete(OpenCore<SyncIo>(storage, options, default));
    }

    /// <inheritdoc/>
    public ValueTask<IDiskImage> OpenAsync(IImageStorage storage, ImageOpenOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(storage);
        ArgumentNullException.ThrowIfNull(options);
        return OpenCore<AsyncIo>(storage, options, cancellationToken);
    }

    /// <inheritdoc/>
    public void Create(IImageStorage storage, ImageCreateOptions options)
    {
        ArgumentNullException.ThrowIfNull(storage);
        ArgumentNullException.ThrowIfNull(options);
        SyncIo.Complete(CreateCore<SyncIo>(storage, options, default));
    }

    /// <inheritdoc/>
    public ValueTask CreateAsync(IImageStorage storage, ImageCreateOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(storage);
        ArgumentNullException.ThrowIfNull(options);
        return CreateCore<AsyncIo>(storage, options, cancellationToken);
    }

    /// <inheritdoc/>
    public virtual ValueTask<CheckReport> CheckAsync(IImageStorage storage, CheckOptions options, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default) =>
        throw ImageException.NotSupported($"checking {Info.Id} images", storage?.Name);

    /// <inheritdoc/>
    public virtual ImageMeter CreateMeter(ImageCreateOptions options) => throw ImageException.NotSupported($"measuring {Info.Id} images");

    /// <summary><see cref="IImageBackend.Open"/>.</summary>
    protected abstract ValueTask<IDiskImage> OpenCore<TIo>(IImageStorage storage, ImageOpenOptions options, CancellationToken cancellationToken)
        where TIo : struct, IIoMode;

    /// <summary><see cref="IImageBackend.Create"/>.</summary>
    protected virtual ValueTask CreateCore<TIo>(IImageStorage storage, ImageCreateOptions options, CancellationToken cancellationToken)
        where TIo : struct, IIoMode => throw ImageException.NotSupported($"creating {Info.Id} images", storage.Name);
}
