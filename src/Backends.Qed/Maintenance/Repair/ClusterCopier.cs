namespace QedVd.Backends.Qed;

/// <summary>Copies clusters inside one file through one buffer; what is a hole stays one where the storage can.</summary>
internal sealed class ClusterCopier(IImageStorage storage, QedGeometry geometry)
{
    private const int BufferBytes = 256 << 10;

    private readonly bool _canMapHoles = (storage.Facts & StorageFacts.CanMapHoles) != 0;
    private readonly bool _canPunchHoles = (storage.Facts & StorageFacts.CanPunchHoles) != 0;
    private byte[] _buffer = [];

    /// <summary>Copies whole clusters. The two runs share none.</summary>
    /// <returns>Null, or why the source cannot be read; the target is then undefined.</returns>
    /// <exception cref="ImageException">The target cannot be written.</exception>
    public async ValueTask<ImageException?> CopyAsync<TIo>(long from, long to, long count, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        if (_buffer.Length == 0)
        {
            _buffer = GC.AllocateUninitializedArray<byte>(BufferBytes);
        }

        long source = from << geometry.ClusterBits;
        long target = to << geometry.ClusterBits;
        long length = count << geometry.ClusterBits;
        for (long done = 0; done < length;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            StorageExtent extent = ExtentAt(source + done);
            if (extent.IsHole)
            {
                long hole = Math.Min(extent.LengthBytes, length - done);
                await ZeroAsync<TIo>(target + done, hole, cancellationToken).ConfigureAwait(false);
                done += hole;
                continue;
            }

            int piece = (int)Math.Min(Math.Min(length - done, BufferBytes), Math.Max(extent.LengthBytes, QedGeometry.SectorBytes));
            try
            {
                int read = await TIo.ReadAsync(storage, source + done, new IoBuffer(_buffer.AsMemory(0, piece)), cancellationToken).ConfigureAwait(false);
                if (read < piece)
                {
                    return new ImageException(ImageErrorKind.Io, $"{storage.Name}: the file is truncated: {read} of {piece} bytes at {source + done}.", storage.Name, "read", source + done);
                }
            }
            catch (ImageException exception)
            {
                return exception;
            }

            await TIo.WriteAsync(storage, target + done, new IoBuffer(_buffer.AsMemory(0, piece)), cancellationToken).ConfigureAwait(false);
            done += piece;
        }

        return null;
    }

    private async ValueTask ZeroAsync<TIo>(long offset, long length, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        if (_canPunchHoles)
        {
            await TIo.PunchHoleAsync(storage, offset, length, cancellationToken).ConfigureAwait(false);
            return;
        }

        _buffer.AsSpan().Clear();
        for (long done = 0; done < length; done += _buffer.Length)
        {
            int piece = (int)Math.Min(_buffer.Length, length - done);
            await TIo.WriteAsync(storage, offset + done, new IoBuffer(_buffer.AsMemory(0, piece)), cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>A storage that cannot answer costs reading, not the repair.</summary>
    private StorageExtent ExtentAt(long offset)
    {
        try
        {
            return _canMapHoles ? storage.GetExtent(offset) : new StorageExtent(long.MaxValue, IsHole: false);
        }
        catch (ImageException)
        {
            return new StorageExtent(long.MaxValue, IsHole: false);
        }
    }
}
