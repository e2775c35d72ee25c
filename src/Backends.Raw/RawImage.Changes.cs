using System.Runtime.CompilerServices;

namespace QedVd.Backends.Raw;

/// <content>Writing, zeros, discard, and what changes the image as a whole.</content>
internal sealed partial class RawImage
{
    private const int ZeroChunkBytes = 128 << 10;

    // Never changed: a write does not touch its buffer.
    private static readonly byte[] s_zeros = new byte[ZeroChunkBytes];

    protected override ValueTask<WriteResult> WriteCore<TIo>(long offset, IoBuffer buffer, WriteFlags flags, CancellationToken cancellationToken)
    {
        Volatile.Write(ref _isDirty, true);
        ValueTask write = TIo.WriteAsync(_storage, offset, buffer, cancellationToken);
        if (write.IsCompletedSuccessfully && !IsDurable(flags))
        {
            NoteEnd(offset + buffer.Length);
            return new ValueTask<WriteResult>(WriteResult.Done(buffer.Length));
        }

        return Await(this, write, offset, buffer.Length, flags, cancellationToken);

        static async ValueTask<WriteResult> Await(RawImage image, ValueTask write, long offset, int lengthBytes, WriteFlags flags, CancellationToken cancellationToken)
        {
            await write.ConfigureAwait(false);
            image.NoteEnd(offset + lengthBytes);
            return await image.EndChangeAsync<TIo>(lengthBytes, flags, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <remarks>
    /// By a hole where the storage can make one. Without <see cref="WriteFlags.MayUnmap"/> the room of what was data is taken again at once, unless
    /// it has to be fast: a storage may have to write zeros to take room.
    /// </remarks>
    protected override async ValueTask<WriteResult> WriteZeroesCore<TIo>(long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken)
    {
        long end = Math.Min(offset + lengthBytes, _lengthBytes);
        if (!CanPunch && end > offset && (flags & WriteFlags.FastOnly) != 0)
        {
            throw ImageException.NotSupported("zeroing without writing zeros", Name);
        }

        Volatile.Write(ref _isDirty, true);
        for (long at = offset; at < end;)
        {
            at += await ZeroRunAsync<TIo>(at, end - at, flags, cancellationToken).ConfigureAwait(false);
        }

        return await EndChangeAsync<TIo>(lengthBytes, flags, cancellationToken).ConfigureAwait(false);
    }

    protected override async ValueTask<WriteResult> DiscardCore<TIo>(long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken)
    {
        long inside = Math.Min(offset + lengthBytes, _lengthBytes) - offset;
        if (CanPunch && inside > 0 && (OpenFlags & ImageOpenFlags.Discard) != 0)
        {
            Volatile.Write(ref _isDirty, true);
            await TIo.PunchHoleAsync(_storage, offset, inside, cancellationToken).ConfigureAwait(false);
        }

        return await EndChangeAsync<TIo>(lengthBytes, flags, cancellationToken).ConfigureAwait(false);
    }

    public override async ValueTask SetOpenFlagsAsync(ImageOpenFlags flags, CancellationToken cancellationToken = default)
    {
        const ImageOpenFlags Reading = ImageOpenFlags.ReadOnly | ImageOpenFlags.Info;
        if ((flags & Reading) == 0 && _storage.IsReadOnly)
        {
            throw new ImageException(ImageErrorKind.ReadOnly, $"{Name}: the file is open for reading only.", Name, "set open flags");
        }

        if (!IsReadOnly)
        {
            await FlushAsync(cancellationToken).ConfigureAwait(false);
        }

        _openFlags = flags;
    }

    public override async ValueTask ResizeAsync(long virtualSizeBytes, bool mayShrink, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        long old = _lengthBytes;
        if (IsReadOnly)
        {
            throw new ImageException(ImageErrorKind.ReadOnly, $"{Name}: open for reading only.", Name, "resize");
        }

        if (virtualSizeBytes is < 0 or > LargestSizeBytes || virtualSizeBytes % ImageRegion.SectorBytes != 0)
        {
            throw new ImageException(ImageErrorKind.InvalidArgument, $"{Name}: {virtualSizeBytes} bytes: choose a multiple of 512 from 0 to {LargestSizeBytes}.", Name, "resize");
        }

        if (virtualSizeBytes < old && !mayShrink)
        {
            throw new ImageException(ImageErrorKind.InvalidArgument, $"{Name}: {virtualSizeBytes} bytes are less than {old}, and shrinking was not asked for.", Name, "resize");
        }

        Volatile.Write(ref _isDirty, true);
        await _storage.SetLengthAsync(virtualSizeBytes, cancellationToken).ConfigureAwait(false);
        await MakeLastingZerosAsync<AsyncIo>(_storage, old, virtualSizeBytes - old, cancellationToken).ConfigureAwait(false);
        await BarrierAsync<AsyncIo>(cancellationToken).ConfigureAwait(false);
        Volatile.Write(ref _lengthBytes, virtualSizeBytes);
        PhysicalGeometry = LogicalGeometry = null;
        progress?.Report(new OperationProgress(virtualSizeBytes, virtualSizeBytes, "resize"));
    }

    public override async IAsyncEnumerable<MetadataChunk> TraverseAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        for (long offset = 0; offset < _lengthBytes;)
        {
            Extent extent = await MapAsync(offset, _lengthBytes - offset, cancellationToken).ConfigureAwait(false);
            if (extent.Kind == ExtentKind.Data)
            {
                yield return new MetadataChunk(MetadataChunkKind.Data, offset, extent.LengthBytes, offset);
            }

            offset += extent.LengthBytes;
        }
    }

    private bool IsDurable(WriteFlags flags) =>
        _mode == ConsistencyMode.WriteThrough || ((flags & WriteFlags.ForceUnitAccess) != 0 && _mode != ConsistencyMode.Unsafe);

    private async ValueTask<WriteResult> EndChangeAsync<TIo>(long lengthBytes, WriteFlags flags, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        if (IsDurable(flags))
        {
            await BarrierAsync<TIo>(cancellationToken).ConfigureAwait(false);
        }

        return WriteResult.Done(lengthBytes);
    }

    private async ValueTask<long> ZeroRunAsync<TIo>(long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        if (!CanPunch)
        {
            int chunk = (int)Math.Min(lengthBytes, ZeroChunkBytes);
            cancellationToken.ThrowIfCancellationRequested();
            await TIo.WriteAsync(_storage, offset, new IoBuffer(s_zeros.AsMemory(0, chunk)), cancellationToken).ConfigureAwait(false);
            return chunk;
        }

        if ((flags & (WriteFlags.MayUnmap | WriteFlags.FastOnly)) != 0)
        {
            await TIo.PunchHoleAsync(_storage, offset, lengthBytes, cancellationToken).ConfigureAwait(false);
            return lengthBytes;
        }

        StorageExtent extent = _storage.GetExtent(offset);
        long run = extent.LengthBytes > 0 ? Math.Min(lengthBytes, extent.LengthBytes) : lengthBytes;
        if (!extent.IsHole)
        {
            await TIo.PunchHoleAsync(_storage, offset, run, cancellationToken).ConfigureAwait(false);
            await TIo.AllocateAsync(_storage, offset, run, cancellationToken).ConfigureAwait(false);
        }

        return run;
    }

    // A write into the bytes that fill up the last sector has made the file longer.
    private void NoteEnd(long end)
    {
        for (long length = Volatile.Read(ref _lengthBytes); end > length;)
        {
            long seen = Interlocked.CompareExchange(ref _lengthBytes, end, length);
            if (seen == length)
            {
                return;
            }

            length = seen;
        }
    }
}
