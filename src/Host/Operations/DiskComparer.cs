using System.Buffers;

namespace QedVd.Host;

/// <summary>Finds the first byte in which two disks differ. What both say is zero is not read.</summary>
internal sealed class DiskComparer(VirtualDisk first, VirtualDisk second, IProgress<OperationProgress>? progress)
{
    private const int BufferBytes = 256 << 10;

    /// <summary>The offset of the first difference, or null. Beyond its end a disk counts as zero.</summary>
    public async ValueTask<long?> FindDifferenceAsync(CancellationToken cancellationToken)
    {
        long length = Math.Max(first.LengthBytes, second.LengthBytes);
        byte[] firstBytes = ArrayPool<byte>.Shared.Rent(BufferBytes);
        byte[] secondBytes = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            for (long offset = 0; offset < length;)
            {
                cancellationToken.ThrowIfCancellationRequested();
                progress?.Report(new OperationProgress(offset, length, "comparing"));
                (bool isFirstZero, long firstEnd) = await LookAsync(first, offset, length, cancellationToken).ConfigureAwait(false);
                (bool isSecondZero, long secondEnd) = await LookAsync(second, offset, length, cancellationToken).ConfigureAwait(false);
                long end = Math.Min(firstEnd, secondEnd);
                if (isFirstZero && isSecondZero)
                {
                    offset = end;
                    continue;
                }

                int count = (int)Math.Min(BufferBytes, end - offset);
                Memory<byte> a = firstBytes.AsMemory(0, count);
                Memory<byte> b = secondBytes.AsMemory(0, count);
                await FillAsync(first, isFirstZero, offset, a, cancellationToken).ConfigureAwait(false);
                await FillAsync(second, isSecondZero, offset, b, cancellationToken).ConfigureAwait(false);
                int same = a.Span.CommonPrefixLength(b.Span);
                if (same < count)
                {
                    return offset + same;
                }

                offset += count;
            }

            progress?.Report(new OperationProgress(length, length, "comparing"));
            return null;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(firstBytes);
            ArrayPool<byte>.Shared.Return(secondBytes);
        }
    }

    private static async ValueTask<(bool IsZero, long EndBytes)> LookAsync(VirtualDisk disk, long offset, long length, CancellationToken cancellationToken)
    {
        if (offset >= disk.LengthBytes)
        {
            return (true, length);
        }

        DiskExtent extent = await disk.MapAsync(offset, disk.LengthBytes - offset, cancellationToken).ConfigureAwait(false);
        return (extent.ReadsZero, extent.EndBytes);
    }

    private static ValueTask FillAsync(VirtualDisk disk, bool isZero, long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        if (isZero)
        {
            buffer.Span.Clear();
            return default;
        }

        return disk.ReadAsync(offset, buffer, cancellationToken);
    }
}
