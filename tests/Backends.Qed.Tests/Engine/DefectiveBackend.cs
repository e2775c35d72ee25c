namespace QedVd.Backends.Qed.Tests.Engine;

/// <summary>The real backend with a defect: it does not hear what its storage tells it, or tells it wrong.</summary>
internal sealed class DefectiveBackend(DefectiveStorage.Defect defect) : IImageBackend
{
    private static readonly QedBackend s_inner = new();

    public BackendInfo Info => s_inner.Info;

    public ProbeResult Probe(in ProbeInput input) => s_inner.Probe(input);

    public IDiskImage Open(IImageStorage storage, ImageOpenOptions options) => s_inner.Open(new DefectiveStorage(storage, defect), options);

    public ValueTask<IDiskImage> OpenAsync(IImageStorage storage, ImageOpenOptions options, CancellationToken cancellationToken = default) =>
        s_inner.OpenAsync(new DefectiveStorage(storage, defect), options, cancellationToken);

    public ValueTask CreateAsync(IImageStorage storage, ImageCreateOptions options, CancellationToken cancellationToken = default) =>
        s_inner.CreateAsync(new DefectiveStorage(storage, defect), options, cancellationToken);

    public ValueTask<CheckReport> CheckAsync(IImageStorage storage, CheckOptions options, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default) =>
        s_inner.CheckAsync(new DefectiveStorage(storage, defect), options, progress, cancellationToken);
}
