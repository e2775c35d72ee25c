namespace QedVd.Crashes.Tests.Chains.Planted;

/// <summary>A real backend over storages that do something wrong.</summary>
internal sealed class PlantedBackend(IImageBackend inner, Func<IImageStorage, IImageStorage> plant) : IImageBackend
{
    public BackendInfo Info => inner.Info;

    public ProbeResult Probe(in ProbeInput input) => inner.Probe(input);

    public IDiskImage Open(IImageStorage storage, ImageOpenOptions options) => inner.Open(plant(storage), options);

    public ValueTask<IDiskImage> OpenAsync(IImageStorage storage, ImageOpenOptions options, CancellationToken cancellationToken = default) =>
        inner.OpenAsync(plant(storage), options, cancellationToken);

    public void Create(IImageStorage storage, ImageCreateOptions options) => inner.Create(storage, options);

    public ValueTask CreateAsync(IImageStorage storage, ImageCreateOptions options, CancellationToken cancellationToken = default) =>
        inner.CreateAsync(storage, options, cancellationToken);

    public ValueTask<CheckReport> CheckAsync(IImageStorage storage, CheckOptions options, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default) =>
        inner.CheckAsync(plant(storage), options, progress, cancellationToken);

    public ImageMeter CreateMeter(ImageCreateOptions options) => inner.CreateMeter(options);
}
