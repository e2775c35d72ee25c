namespace QedVd.TestKit;

/// <summary>A real backend with a defect: it does not hear what its storage tells it, or tells it wrong. To see that a search for such defects finds them.</summary>
/// <param name="inner">The backend without it.</param>
/// <param name="defect">What is wrong.</param>
public sealed class DefectiveBackend(IImageBackend inner, PlantedDefect defect) : IImageBackend
{
    /// <inheritdoc/>
    public BackendInfo Info => inner.Info;

    /// <inheritdoc/>
    public ProbeResult Probe(in ProbeInput input) => inner.Probe(input);

    /// <inheritdoc/>
    public IDiskImage Open(IImageStorage storage, ImageOpenOptions options) => inner.Open(new DefectiveStorage(storage, defect), options);

    /// <inheritdoc/>
    public ValueTask<IDiskImage> OpenAsync(IImageStorage storage, ImageOpenOptions options, CancellationToken cancellationToken = default) =>
        inner.OpenAsync(new DefectiveStorage(storage, defect), options, cancellationToken);

    /// <inheritdoc/>
    public async ValueTask CreateAsync(IImageStorage storage, ImageCreateOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(storage);
        try
        {
            await inner.CreateAsync(new DefectiveStorage(storage, defect), options, cancellationToken);
        }
        catch (ImageException) when (defect == PlantedDefect.HalfMadeFile)
        {
            await File.WriteAllTextAsync($"{storage.Name}.part", "half of it", cancellationToken);
            throw;
        }
    }

    /// <inheritdoc/>
    public ValueTask<CheckReport> CheckAsync(IImageStorage storage, CheckOptions options, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default) =>
        inner.CheckAsync(new DefectiveStorage(storage, defect), options, progress, cancellationToken);

    /// <inheritdoc/>
    public ImageMeter CreateMeter(ImageCreateOptions options) => inner.CreateMeter(options);
}
