namespace QedVd.Host.Tests.Chains;

/// <summary>An image that passes everything on, for a test to change one answer.</summary>
internal abstract class DelegatingImage(IDiskImage inner) : DiskImageBase
{
    protected IDiskImage Inner => inner;

    public override BackendInfo Backend => inner.Backend;

    public override string Name => inner.Name;

    public override ImageCapabilities Capabilities => inner.Capabilities;

    public override ImageFlags Flags => inner.Flags;

    public override ImageOpenFlags OpenFlags => inner.OpenFlags;

    public override long VirtualSizeBytes => inner.VirtualSizeBytes;

    public override ImageLimits Limits => inner.Limits;

    public override ImageFileSize GetFileSize() => inner.GetFileSize();

    public override bool TryMap(long offset, long lengthBytes, out Extent extent) => inner.TryMap(offset, lengthBytes, out extent);

    protected override async ValueTask SetBeneathCore<TIo>(Beneath beneath, CancellationToken cancellationToken) => inner.SetBeneath(beneath);

    protected override ValueTask<Extent> MapCore<TIo>(long offset, long lengthBytes, CancellationToken cancellationToken) =>
        TIo.MapAsync(inner, offset, lengthBytes, cancellationToken);

    protected override ValueTask<ReadResult> ReadCore<TIo>(long offset, IoBuffer buffer, CancellationToken cancellationToken) =>
        TIo.ReadAsync(inner, offset, buffer, cancellationToken);

    protected override ValueTask<WriteResult> WriteCore<TIo>(long offset, IoBuffer buffer, WriteFlags flags, CancellationToken cancellationToken) =>
        TIo.WriteAsync(inner, offset, buffer, flags, cancellationToken);

    protected override ValueTask<WriteResult> WriteZeroesCore<TIo>(long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken) =>
        TIo.WriteZeroesAsync(inner, offset, lengthBytes, flags, cancellationToken);

    protected override ValueTask<WriteResult> DiscardCore<TIo>(long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken) =>
        TIo.DiscardAsync(inner, offset, lengthBytes, flags, cancellationToken);

    protected override ValueTask FlushCore<TIo>(CancellationToken cancellationToken) => TIo.FlushAsync(inner, cancellationToken);

    protected override async ValueTask CloseCore<TIo>() => inner.Close();
}
