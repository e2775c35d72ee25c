using System.Buffers;

namespace QedVd.Host;

/// <summary>Copies what one disk reads into another, empty one: data only, in one reused buffer.</summary>
internal sealed class DiskCopier(VirtualDisk source, VirtualDisk target, int zeroBlockBytes, IProgress<OperationProgress>? progress)
{
    // The fastest size measured; requests end at its multiples, so that whole clusters are written.
    private const int BufferBytes = 256 << 10;

    private long _copiedBytes;

    public async ValueTask<OperationResult> RunAsync(CancellationToken cancellationToken)
    {
        long length = source.LengthBytes;
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            for (long offset = 0; offset < length;)
            {
                cancellationToken.ThrowIfCancellationRequested();
                progress?.Report(new OperationProgress(offset, length, "copying"));
                DiskExtent extent = await source.MapAsync(offset, length - offset, cancellationToken).ConfigureAwait(false);
                if (extent.ReadsZero)
                {
                    offset = extent.EndBytes;
                    continue;
                }

                long end = offset + Math.Min(length - offset, BufferBytes - (offset % BufferBytes));
                end = await FindEndOfDataAsync(extent, end, cancellationToken).ConfigureAwait(false);
                Memory<byte> data = buffer.AsMemory(0, (int)(end - offset));
                await source.ReadAsync(offset, data, cancellationToken).ConfigureAwait(false);
                await WriteDataAsync(offset, data, cancellationToken).ConfigureAwait(false);
                offset = end;
            }

            progress?.Report(new OperationProgress(length, length, "copying"));
            return new OperationResult(length, _copiedBytes, length - _copiedBytes);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    // Neighbouring runs of data are read at once, however the clusters lie.
    private async ValueTask<long> FindEndOfDataAsync(DiskExtent extent, long end, CancellationToken cancellationToken)
    {
        while (extent.EndBytes < end)
        {
            DiskExtent next = await source.MapAsync(extent.EndBytes, end - extent.EndBytes, cancellationToken).ConfigureAwait(false);
            if (next.ReadsZero)
            {
                return extent.EndBytes;
            }

            extent = next;
        }

        return end;
    }

    private async ValueTask WriteDataAsync(long offset, Memory<byte> data, CancellationToken cancellationToken)
    {
        int unit = zeroBlockBytes == 0 ? data.Length : zeroBlockBytes;
        for (int at = 0; at < data.Length;)
        {
            int start = at;
            bool isZero = IsZero(data.Span, at, unit, offset);
            do
            {
                at = UnitEnd(data.Length, at, unit, offset);
            }
            while (at < data.Length && IsZero(data.Span, at, unit, offset) == isZero);

            if (!isZero)
            {
                await target.WriteAsync(offset + start, data[start..at], WriteFlags.None, cancellationToken).ConfigureAwait(false);
                _copiedBytes += at - start;
            }
        }
    }

    private bool IsZero(ReadOnlySpan<byte> data, int at, int unit, long offset) =>
        zeroBlockBytes != 0 && !data[at..UnitEnd(data.Length, at, unit, offset)].ContainsAnyExcept((byte)0);

    // Units are counted from the start of the disk, not of the buffer.
    private static int UnitEnd(int length, int at, int unit, long offset) => (int)Math.Min(length, at + (unit - ((offset + at) % unit)));
}
