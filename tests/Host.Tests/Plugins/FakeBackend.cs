namespace QedVd.Host.Tests;

/// <summary>A backend of the test's own making. Its optional members are the contract's defaults.</summary>
internal sealed class FakeBackend : IImageBackend
{
    public FakeBackend()
        : this("fake")
    {
    }

    public FakeBackend(string id) => Info = new BackendInfo { Id = id, DisplayName = "Fake", Capabilities = ImageCapabilities.None };

    public BackendInfo Info { get; init; }

    public Func<ProbeResult> OnProbe { get; init; } = () => new ProbeResult(ProbeConfidence.No, "never");

    public Func<IImageStorage, IDiskImage> OnOpen { get; init; } = _ => throw new NotSupportedException();

    public ProbeResult Probe(in ProbeInput input)
    {
        SeenEnd = input.End.ToArray();
        Seen = (input.Start.ToArray(), input.LengthBytes, input.FileName);
        return OnProbe();
    }

    public (byte[] Start, long LengthBytes, string? FileName) Seen { get; private set; }

    public byte[] SeenEnd { get; private set; } = [];

    public IDiskImage Open(IImageStorage storage, ImageOpenOptions options) => OnOpen(storage);

    public ValueTask<IDiskImage> OpenAsync(IImageStorage storage, ImageOpenOptions options, CancellationToken cancellationToken = default) => new(OnOpen(storage));
}
