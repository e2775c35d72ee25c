using QedVd;

namespace SmallestBackend;

/// <summary>An open 2IMG image: the disk lies in the file as one piece.</summary>
internal sealed class TwoImgImage(TwoImgBackend backend, IImageStorage storage, ImageOpenFlags openFlags, long dataOffset, long lengthBytes) : DiskImageBase
{
    private static readonly byte[] s_zeros = new byte[64 << 10];

    public override BackendInfo Backend => backend.Info;

    public override string Name => storage.Name;

    public override ImageCapabilities Capabilities => IsReadOnly ? backend.Info.Capabilities & ~ImageCapabilities.Write : backend.Info.Capabilities;

    public override ImageFlags Flags => ImageFlags.Fixed;

    public override ImageOpenFlags OpenFlags => openFlags;

    public override long VirtualSizeBytes => lengthBytes;

    public override ImageLimits Limits => new(AlignmentBytes: 1, BlockBytes: 1, BestIoBytes: 64 << 10);

    public override ImageFileSize GetFileSize() => new(storage.GetLength(), storage.GetAllocatedBytes());

    public override bool TryMap(long offset, long lengthBytes, out Extent extent)
    {
        extent = new Extent(ExtentKind.Data, lengthBytes, dataOffset + offset, IsAllocated: true);
        return true;
    }

    protected override ValueTask<Extent> MapCore<TIo>(long offset, long lengthBytes, CancellationToken cancellationToken)
    {
        TryMap(offset, lengthBytes, out Extent extent);
        return new(extent);
    }

    protected override async ValueTask<ReadResult> ReadCore<TIo>(long offset, IoBuffer buffer, CancellationToken cancellationToken)
    {
        int read = await TIo.ReadAsync(storage, dataOffset + offset, buffer, cancellationToken).ConfigureAwait(false);
        return read == 0 && buffer.Length > 0
            ? throw new ImageException(ImageErrorKind.Corrupt, $"{Name}: the file ends before byte {offset} of the disk; it was cut while it was open.", Name, "read", offset)
            : new ReadResult(ExtentKind.Data, read);
    }

    protected override async ValueTask<WriteResult> WriteCore<TIo>(long offset, IoBuffer buffer, WriteFlags flags, CancellationToken cancellationToken)
    {
        await TIo.WriteAsync(storage, dataOffset + offset, buffer, cancellationToken).ConfigureAwait(false);
        if ((flags & WriteFlags.ForceUnitAccess) != 0)
        {
            await TIo.BarrierAsync(storage, cancellationToken).ConfigureAwait(false);
        }

        return WriteResult.Done(buffer.Length);
    }

    protected override ValueTask<WriteResult> WriteZeroesCore<TIo>(long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken) =>
        (flags & WriteFlags.FastOnly) != 0
            ? throw ImageException.NotSupported("zeroing without writing zeros", Name)
            : WriteCore<TIo>(offset, new IoBuffer(s_zeros.AsMemory(0, (int)Math.Min(s_zeros.Length, lengthBytes))), flags, cancellationToken);

    protected override ValueTask FlushCore<TIo>(CancellationToken cancellationToken) =>
        IsReadOnly ? default : TIo.BarrierAsync(storage, cancellationToken);

    protected override async ValueTask CloseCore<TIo>()
    {
        try
        {
            await FlushCore<TIo>(CancellationToken.None).ConfigureAwait(false);
        }
        finally
        {
            storage.Dispose();
        }
    }
}
