using System.Diagnostics;

namespace QedVd.Host;

/// <summary>
/// An open disk as the last level of another one's chain. It answers data or zero for all of the length that the disk had at first, and is only read.
/// Closing it leaves the disk open, and lets it shrink or become writable again.
/// </summary>
internal sealed class DiskAsImage : DiskImageBase
{
    public const string FormatId = "disk";

    private static readonly BackendInfo s_info = new() { Id = FormatId, DisplayName = "open disk", Capabilities = ImageCapabilities.Asynchronous };

    private readonly VirtualDisk _disk;

    private DiskAsImage(VirtualDisk disk)
    {
        _disk = disk;
        VirtualSizeBytes = disk.LengthBytes;
    }

    public override BackendInfo Backend => s_info;

    public override string Name => _disk.Path;

    public override ImageCapabilities Capabilities => s_info.Capabilities;

    public override ImageFlags Flags => ImageFlags.None;

    public override ImageOpenFlags OpenFlags => ImageOpenFlags.ReadOnly;

    public override long VirtualSizeBytes { get; }

    public override ImageLimits Limits => new(_disk.Limits.AlignmentBytes, 1, _disk.Limits.BestIoBytes);

    /// <summary>The disk as a parent, which it may not be at this moment.</summary>
    public static DiskAsImage Over(VirtualDisk disk) => disk.Children.TryEnter()
        ? new DiskAsImage(disk)
        : throw new ImageException(
            ImageErrorKind.InUse, $"{DisplayText.Escape(disk.Path)}: this disk is being shrunk or made writable, and cannot become a parent before that has ended. Try again then.", disk.Path, "open parent");

    public override ImageFileSize GetFileSize() => new(0, 0);

    public override bool TryMap(long offset, long lengthBytes, out Extent extent) => _disk.TryMap(offset, lengthBytes, out extent);

    public override ReadResult Read(long offset, Span<byte> buffer)
    {
        _disk.Read(offset, buffer);
        return new ReadResult(ExtentKind.Data, buffer.Length);
    }

    public override async ValueTask<ReadResult> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        await _disk.ReadAsync(offset, buffer, cancellationToken).ConfigureAwait(false);
        return new ReadResult(ExtentKind.Data, buffer.Length);
    }

    protected override async ValueTask<Extent> MapCore<TIo>(long offset, long lengthBytes, CancellationToken cancellationToken)
    {
        DiskExtent extent = TIo.IsSynchronous ? _disk.Map(offset, lengthBytes) : await _disk.MapAsync(offset, lengthBytes, cancellationToken).ConfigureAwait(false);
        return new Extent(extent.Kind, extent.LengthBytes, Extent.NoOffset, extent.IsAllocated);
    }

    // Both forms of a read have their own way, and what is open for reading only is refused before it comes here.
    protected override ValueTask<ReadResult> ReadCore<TIo>(long offset, IoBuffer buffer, CancellationToken cancellationToken) => throw new UnreachableException();

    protected override ValueTask<WriteResult> WriteCore<TIo>(long offset, IoBuffer buffer, WriteFlags flags, CancellationToken cancellationToken) =>
        throw new UnreachableException();

    protected override ValueTask<WriteResult> WriteZeroesCore<TIo>(long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken) =>
        throw new UnreachableException();

    protected override ValueTask FlushCore<TIo>(CancellationToken cancellationToken) => default;

    protected override ValueTask CloseCore<TIo>()
    {
        _disk.Children.Exit();
        return default;
    }
}
