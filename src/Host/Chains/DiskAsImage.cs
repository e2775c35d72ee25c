namespace QedVd.Host;

/// <summary>An open disk as the last level of another one's chain. It answers data or zero for all of its length, and is only read.</summary>
internal sealed class DiskAsImage(VirtualDisk disk) : DiskImageBase
{
    public const string FormatId = "disk";

    private static readonly BackendInfo s_info = new() { Id = FormatId, DisplayName = "open disk", Capabilities = ImageCapabilities.Asynchronous };

    public override BackendInfo Backend => s_info;

    public override string Name => disk.Path;

    public override ImageCapabilities Capabilities => s_info.Capabilities;

    public override ImageFlags Flags => ImageFlags.None;

    public override ImageOpenFlags OpenFlags => ImageOpenFlags.ReadOnly;

    public override long VirtualSizeBytes => disk.LengthBytes;

    public override ImageLimits Limits => new(disk.Limits.AlignmentBytes, 1, disk.Limits.BestIoBytes);

    public override ImageFileSize GetFileSize() => new(0, 0);

    public override bool TryMap(long offset, long lengthBytes, out Extent extent) => disk.TryMap(offset, lengthBytes, out extent);

    public override ReadResult Read(long offset, Span<byte> buffer)
    {
        disk.Read(offset, buffer);
        return new ReadResult(ExtentKind.Data, buffer.Length);
    }

    public override async ValueTask<ReadResult> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        await disk.ReadAsync(offset, buffer, cancellationToken).ConfigureAwait(false);
        return new ReadResult(ExtentKind.Data, buffer.Length);
    }

    protected override async ValueTask<Extent> MapCore<TIo>(long offset, long lengthBytes, CancellationToken cancellationToken)
    {
        DiskExtent extent = TIo.IsSynchronous ? disk.Map(offset, lengthBytes) : await disk.MapAsync(offset, lengthBytes, cancellationToken).ConfigureAwait(false);
        return new Extent(extent.Kind, extent.LengthBytes, Extent.NoOffset, extent.IsAllocated);
    }

    protected override ValueTask<ReadResult> ReadCore<TIo>(long offset, IoBuffer buffer, CancellationToken cancellationToken) =>
        TIo.IsSynchronous ? new ValueTask<ReadResult>(Read(offset, buffer.Span)) : ReadAsync(offset, buffer.Memory, cancellationToken);

    protected override ValueTask<WriteResult> WriteCore<TIo>(long offset, IoBuffer buffer, WriteFlags flags, CancellationToken cancellationToken) =>
        throw ImageException.NotSupported("writing to a parent", Name);

    protected override ValueTask<WriteResult> WriteZeroesCore<TIo>(long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken) =>
        throw ImageException.NotSupported("writing to a parent", Name);

    protected override ValueTask FlushCore<TIo>(CancellationToken cancellationToken) => default;

    protected override ValueTask CloseCore<TIo>() => default;
}
