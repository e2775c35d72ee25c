using System;
using QedVd;
using QedVd.TestPlugins;

[assembly: System.Reflection.AssemblyVersion("1.2.3.0")]
[assembly: ImageBackend(typeof(WrongAnswersBackend), ContractVersion.Major, ContractVersion.Minor)]

namespace QedVd.TestPlugins;

/// <summary>Breaks the contract in what it answers.</summary>
public sealed class WrongAnswersBackend() : PlainBackend("wrong-answers")
{
    public override ProbeResult Probe(in ProbeInput input) => new((ProbeConfidence)7, null!);

    protected override System.Threading.Tasks.ValueTask<IDiskImage> OpenCore<TIo>(IImageStorage storage, ImageOpenOptions options, System.Threading.CancellationToken cancellationToken) => new(storage.Name switch
    {
        "null" => null!,
        "writable" => new PlainImage(this, storage, ImageOpenFlags.None),
        "throw" => throw new NullReferenceException("oops"),
        "late" => throw new ImageException(ImageErrorKind.Corrupt, "late: corrupt, as a backend may say"),
        _ => new WrongImage(this, storage, options.Flags),
    });
}

public sealed class WrongImage(PlainBackend backend, IImageStorage storage, ImageOpenFlags flags) : PlainImage(backend, storage, flags)
{
    private readonly string _name = storage.Name;

    public override long VirtualSizeBytes => _name == "negative" ? -512 : base.VirtualSizeBytes;

    public override ImageLimits Limits => _name == "limits" ? new ImageLimits(3, 0, 0) : base.Limits;

    public override ReadResult Read(long offset, Span<byte> buffer) => new(ExtentKind.Data, buffer.Length + 1);
}
