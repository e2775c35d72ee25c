using System.Buffers;
using System.Runtime.CompilerServices;

namespace QedVd.Host;

/// <content>
/// Copy on write. A block of the top that is free over something is allocated, marked or discarded only by the holder of the growth lock of its
/// range, who looks again under that lock: two writers of one free block cannot lose each other's bytes.
/// </content>
public sealed partial class VirtualDisk
{
    // Keeps one long request from holding up others in its range for long.
    private const long MaxGrowthBytes = 1 << 20;
    private const long MaxZeroGrowthBytes = 64 << 20;
    private const long MaxDiscardBytes = 1L << 30;

    // A compaction may free a block between the look at it and the request, but then nobody else allocates it: once more would do.
    private const int MaxLooks = 8;

    // Enough to see that two blocks differ, mostly.
    private const int FirstLookBytes = 4096;

    /// <summary>Writes into blocks that were free. Returns the bytes handled.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> GrowAsync<TIo>(Generation generation, long offset, IoBuffer buffer, WriteFlags flags, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        int block = generation.TopBlockBytes;
        long start = offset - (offset % block);
        long end = GrowthEnd(generation, start, offset + buffer.Length, MaxGrowthBytes);
        int length = (int)Math.Min(buffer.Length, end - offset);
        RangeLock.Entry entry = await _growth.EnterAsync<TIo>(start, end, cancellationToken).ConfigureAwait(false);
        try
        {
            for (int look = 1; ; look++)
            {
                Extent extent = await MapTopAsync<TIo>(generation, offset, length, cancellationToken).ConfigureAwait(false);
                if (extent.Kind == ExtentKind.Free)
                {
                    length = (int)extent.LengthBytes;
                    buffer = buffer.Slice(0, length);
                    break;
                }

                int held = (int)extent.LengthBytes;
                WriteResult result = await TIo.WriteAsync(generation.Top, offset, buffer.Slice(0, held), flags, cancellationToken).ConfigureAwait(false);
                CheckChanged(generation.Top, offset, held, result, mayBeFree: look < MaxLooks);
                if (!result.IsFree)
                {
                    return (int)result.LengthBytes;
                }
            }

            for (int done = 0; done < length;)
            {
                long at = offset + done;
                int left = length - done;
                int whole = at % block == 0 ? left - (left % block) : 0;
                if (whole > 0)
                {
                    await WriteWholeBlocksAsync<TIo>(generation, at, buffer.Slice(done, whole), flags, cancellationToken).ConfigureAwait(false);
                    done += whole;
                }
                else
                {
                    int part = (int)Math.Min(left, block - (at % block));
                    await WritePartOfBlockAsync<TIo>(generation, at, part, buffer.Slice(done, part), isZero: false, flags, cancellationToken).ConfigureAwait(false);
                    done += part;
                }
            }

            return length;
        }
        finally
        {
            _growth.Exit(entry);
        }
    }

    /// <summary>Zeroes blocks that were free. Returns the bytes handled.</summary>
    private async ValueTask<long> GrowZeroAsync<TIo>(Generation generation, long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        int block = generation.TopBlockBytes;
        long start = offset - (offset % block);
        long end = GrowthEnd(generation, start, offset + lengthBytes, MaxZeroGrowthBytes);
        lengthBytes = Math.Min(lengthBytes, end - offset);
        RangeLock.Entry entry = await _growth.EnterAsync<TIo>(start, end, cancellationToken).ConfigureAwait(false);
        try
        {
            for (int look = 1; ; look++)
            {
                Extent extent = await MapTopAsync<TIo>(generation, offset, lengthBytes, cancellationToken).ConfigureAwait(false);
                if (extent.Kind == ExtentKind.Free)
                {
                    lengthBytes = extent.LengthBytes;
                    break;
                }

                WriteResult result = await TIo.WriteZeroesAsync(generation.Top, offset, extent.LengthBytes, flags, cancellationToken).ConfigureAwait(false);
                CheckChanged(generation.Top, offset, extent.LengthBytes, result, mayBeFree: look < MaxLooks);
                if (!result.IsFree)
                {
                    return result.LengthBytes;
                }
            }

            for (long done = 0; done < lengthBytes;)
            {
                long at = offset + done;
                long left = lengthBytes - done;
                long whole = at % block != 0 ? 0 : at + left >= generation.Top.VirtualSizeBytes ? left : left - (left % block);
                if (whole > 0)
                {
                    // The rest of the last block, beyond the disk's end, is zeroed with it.
                    await ZeroAllAsync<TIo>(generation.Top, at, RoundUp(whole, block), flags, cancellationToken).ConfigureAwait(false);
                    done += whole;
                }
                else
                {
                    int part = (int)Math.Min(left, block - (at % block));
                    await WritePartOfBlockAsync<TIo>(generation, at, part, default, isZero: true, flags, cancellationToken).ConfigureAwait(false);
                    done += part;
                }
            }

            return lengthBytes;
        }
        finally
        {
            _growth.Exit(entry);
        }
    }

    /// <summary>Discards a run that the top answers in one way. Returns the bytes handled.</summary>
    private async ValueTask<long> DiscardRunAsync<TIo>(Generation generation, long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        try
        {
            if (!generation.IsBlockOverSomething(offset))
            {
                WriteResult plain = await TIo.DiscardAsync(generation.Top, offset, lengthBytes, flags, cancellationToken).ConfigureAwait(false);
                CheckChanged(generation.Top, offset, lengthBytes, plain, mayBeFree: false);
                return plain.LengthBytes;
            }

            int block = generation.TopBlockBytes;
            long start = offset - (offset % block);
            long end = GrowthEnd(generation, start, offset + lengthBytes, MaxDiscardBytes);
            lengthBytes = Math.Min(lengthBytes, end - offset);
            RangeLock.Entry entry = await _growth.EnterAsync<TIo>(start, end, cancellationToken).ConfigureAwait(false);
            try
            {
                WriteResult result = await TIo.DiscardAsync(generation.Top, offset, lengthBytes, flags, cancellationToken).ConfigureAwait(false);
                CheckChanged(generation.Top, offset, lengthBytes, result, mayBeFree: false);
                return result.LengthBytes;
            }
            finally
            {
                _growth.Exit(entry);
            }
        }
        catch (Exception exception) when (generation.IsFault(exception, cancellationToken))
        {
            throw generation.Levels[0].Fault("discarding in", offset, exception);
        }
    }

    // Whole blocks go straight from the guest's buffer, except for those that the chain reads as the same already.
    private static async ValueTask WriteWholeBlocksAsync<TIo>(Generation generation, long offset, IoBuffer buffer, WriteFlags flags, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        int block = generation.TopBlockBytes;
        int from = 0;
        for (int at = 0; at < buffer.Length && !generation.HonorSame; at += block)
        {
            if (await EqualsBeneathAsync<TIo>(generation, offset + at, buffer.Slice(at, block), cancellationToken).ConfigureAwait(false))
            {
                await WriteAllAsync<TIo>(generation.Top, offset + from, buffer.Slice(from, at - from), flags, cancellationToken).ConfigureAwait(false);
                from = at + block;
            }
        }

        await WriteAllAsync<TIo>(generation.Top, offset + from, buffer.Slice(from, buffer.Length - from), flags, cancellationToken).ConfigureAwait(false);
    }

    // A part of a block: the rest is what the chain beneath reads, and zero beyond the disk's end.
    private static async ValueTask WritePartOfBlockAsync<TIo>(
        Generation generation, long offset, int lengthBytes, IoBuffer buffer, bool isZero, WriteFlags flags, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        int block = generation.TopBlockBytes;
        int pre = (int)(offset % block);
        long start = offset - pre;
        byte[] whole = ArrayPool<byte>.Shared.Rent(block);
        try
        {
            // The image's own end, as of now: while the disk is being shrunk it is not the guest's.
            int inside = (int)Math.Min(block, generation.Top.VirtualSizeBytes - start);
            await ChainReader.ReadAsync<TIo>(generation, 1, start, new IoBuffer(whole.AsMemory(0, inside)), cancellationToken).ConfigureAwait(false);
            whole.AsSpan(inside, block - inside).Clear();
            if (!generation.HonorSame && IsSame(whole.AsSpan(pre, lengthBytes), buffer, isZero))
            {
                return;
            }

            if (isZero)
            {
                whole.AsSpan(pre, lengthBytes).Clear();
            }
            else
            {
                buffer.Span.CopyTo(whole.AsSpan(pre));
            }

            bool isFast = (flags & WriteFlags.FastOnly) != 0;
            flags &= ~WriteFlags.FastOnly;
            if (isZero && !whole.AsSpan(0, block).ContainsAnyExcept((byte)0))
            {
                await ZeroAllAsync<TIo>(generation.Top, start, block, flags, cancellationToken).ConfigureAwait(false);
            }
            else if (isZero && isFast)
            {
                throw NotFast(generation);
            }
            else
            {
                await WriteAllAsync<TIo>(generation.Top, start, new IoBuffer(whole.AsMemory(0, block)), flags, cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(whole);
        }
    }

    private static bool IsSame(ReadOnlySpan<byte> beneath, IoBuffer buffer, bool isZero) =>
        isZero ? !beneath.ContainsAnyExcept((byte)0) : beneath.SequenceEqual(buffer.Span);

    private static async ValueTask<bool> EqualsBeneathAsync<TIo>(Generation generation, long offset, IoBuffer buffer, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        DiskExtent extent = await ChainReader.MapAsync<TIo>(generation, 1, offset, buffer.Length, isHintEnough: true, cancellationToken).ConfigureAwait(false);
        if (extent.ReadsZero && buffer.Slice(0, (int)extent.LengthBytes).Span.ContainsAnyExcept((byte)0))
        {
            return false;
        }

        byte[] beneath = ArrayPool<byte>.Shared.Rent(Math.Min(buffer.Length, (int)MaxGrowthBytes));
        try
        {
            int step = FirstLookBytes;
            for (int done = 0; done < buffer.Length;)
            {
                int piece = Math.Min(Math.Min(step, buffer.Length - done), beneath.Length);
                await ChainReader.ReadAsync<TIo>(generation, 1, offset + done, new IoBuffer(beneath.AsMemory(0, piece)), cancellationToken).ConfigureAwait(false);
                if (!buffer.Slice(done, piece).Span.SequenceEqual(beneath.AsSpan(0, piece)))
                {
                    return false;
                }

                done += piece;
                step = (int)MaxGrowthBytes;
            }

            return true;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(beneath);
        }
    }

    private static async ValueTask<Extent> MapTopAsync<TIo>(Generation generation, long offset, long lengthBytes, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        if (!generation.Top.TryMap(offset, lengthBytes, out Extent extent))
        {
            extent = await TIo.MapAsync(generation.Top, offset, lengthBytes, cancellationToken).ConfigureAwait(false);
        }

        BackendResults.Check(extent, lengthBytes, generation.Top);
        return extent;
    }

    private static async ValueTask WriteAllAsync<TIo>(IDiskImage image, long offset, IoBuffer buffer, WriteFlags flags, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        while (buffer.Length > 0)
        {
            WriteResult result = await TIo.WriteAsync(image, offset, buffer, flags, cancellationToken).ConfigureAwait(false);
            CheckChanged(image, offset, buffer.Length, result, mayBeFree: false);
            int done = (int)result.LengthBytes;
            offset += done;
            buffer = buffer.Slice(done, buffer.Length - done);
        }
    }

    private static async ValueTask ZeroAllAsync<TIo>(IDiskImage image, long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        while (lengthBytes > 0)
        {
            WriteResult result = await TIo.WriteZeroesAsync(image, offset, lengthBytes, flags, cancellationToken).ConfigureAwait(false);
            CheckChanged(image, offset, lengthBytes, result, mayBeFree: false);
            offset += result.LengthBytes;
            lengthBytes -= result.LengthBytes;
        }
    }

    // A change that was allowed to allocate, or over nothing, has no reason to answer 'free': without this check it would be asked for ever.
    private static void CheckChanged(IDiskImage image, long offset, long askedBytes, WriteResult result, bool mayBeFree)
    {
        BackendResults.Check(result, offset, askedBytes, image);
        if (result.IsFree && !mayBeFree)
        {
            throw new ImageException(
                ImageErrorKind.BackendFault,
                $"{image.Name}: the backend '{image.Backend.Id}' answered a change of {askedBytes} bytes at {offset} with 'free' though nothing forbade it to allocate. Report this to its author.",
                image.Name,
                "write",
                offset);
        }
    }

    // Whole blocks, at most so many bytes, and none beyond those over something: those are allocated by others without the growth lock.
    private static long GrowthEnd(Generation generation, long start, long end, long maxBytes)
    {
        long limit = Math.Min(generation.OverEndBytes, start > long.MaxValue - maxBytes ? long.MaxValue : start + maxBytes);
        return RoundUp(Math.Min(end, limit), generation.TopBlockBytes);
    }

    private static long RoundUp(long value, int block) => Generation.RoundUp(value, block);
}
