using QedVd.Backends.Qed;

namespace QedVd.Host.Tests.Chains;

/// <summary>QED that notes how each image is opened, and what it is told of what lies beneath it.</summary>
internal sealed class NotingBackend : IImageBackend
{
    private readonly QedBackend _inner = new();

    /// <summary>File name and options of each opening, in order.</summary>
    public List<(string File, ImageOpenOptions Options)> Opened { get; } = [];

    /// <summary>File name and what it was told, in order.</summary>
    public List<(string File, Beneath Beneath)> Told { get; } = [];

    /// <summary>Called when an image has been opened.</summary>
    public Action<string>? AfterOpen { get; set; }

    public BackendInfo Info => _inner.Info;

    public ProbeResult Probe(in ProbeInput input) => _inner.Probe(input);

    public IDiskImage Open(IImageStorage storage, ImageOpenOptions options) => Note(storage, options, _inner.Open(storage, options with { FormatOptions = new Dictionary<string, string>() }));

    // Does not mind the token: whether to go on with the next level is the host's affair.
    public async ValueTask<IDiskImage> OpenAsync(IImageStorage storage, ImageOpenOptions options, CancellationToken cancellationToken = default) =>
        Note(storage, options, await _inner.OpenAsync(storage, options with { FormatOptions = new Dictionary<string, string>() }, CancellationToken.None));

    public ValueTask CreateAsync(IImageStorage storage, ImageCreateOptions options, CancellationToken cancellationToken = default) => _inner.CreateAsync(storage, options, cancellationToken);

    private NotingImage Note(IImageStorage storage, ImageOpenOptions options, IDiskImage image)
    {
        string file = Path.GetFileName(storage.Name);
        Opened.Add((file, options));
        AfterOpen?.Invoke(file);
        return new NotingImage(image, beneath => Told.Add((file, beneath)));
    }

    private sealed class NotingImage(IDiskImage inner, Action<Beneath> note) : DelegatingImage(inner)
    {
        public override ParentReference? Parent => Inner.Parent;

        protected override ValueTask SetBeneathCore<TIo>(Beneath beneath, CancellationToken cancellationToken)
        {
            note(beneath);
            return base.SetBeneathCore<TIo>(beneath, cancellationToken);
        }
    }
}
