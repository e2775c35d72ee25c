namespace QedVd.Cli.Tests.Faults;

/// <summary>A real backend over storages that fail.</summary>
internal sealed class FaultedBackend(IImageBackend inner, StorageFaults faults) : IImageBackend
{
    public BackendInfo Info => inner.Info;

    public ProbeResult Probe(in ProbeInput input) => inner.Probe(input);

    public IDiskImage Open(IImageStorage storage, ImageOpenOptions options) => inner.Open(new FaultedStorage(storage, faults), options);

    public ValueTask<IDiskImage> OpenAsync(IImageStorage storage, ImageOpenOptions options, CancellationToken cancellationToken = default) =>
        inner.OpenAsync(new FaultedStorage(storage, faults), options, cancellationToken);

    public void Create(IImageStorage storage, ImageCreateOptions options) => inner.Create(new FaultedStorage(storage, faults), options);

    public ValueTask CreateAsync(IImageStorage storage, ImageCreateOptions options, CancellationToken cancellationToken = default) =>
        inner.CreateAsync(new FaultedStorage(storage, faults), options, cancellationToken);

    public ValueTask<CheckReport> CheckAsync(IImageStorage storage, CheckOptions options, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default) =>
        inner.CheckAsync(new FaultedStorage(storage, faults), options, progress, cancellationToken);

    public ImageMeter CreateMeter(ImageCreateOptions options) => inner.CreateMeter(options);
}
