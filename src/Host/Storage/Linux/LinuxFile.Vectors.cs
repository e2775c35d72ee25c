namespace QedVd.Host;

internal sealed partial class LinuxFile
{
    /// <summary>More buffers than one system call takes (IOV_MAX).</summary>
    private const int MaxVectors = 1024;

    public override int Read(long offset, IReadOnlyList<Memory<byte>> buffers)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        long first = 0;
        if (buffers.Count <= MaxVectors)
        {
            try
            {
                first = RandomAccess.Read(_handle, buffers, offset);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                throw StorageErrors.FromException(exception, Path, "read", offset);
            }
        }

        // The system may have stopped short of the end of a buffer, and of the file: go on from there, one buffer at a time.
        long total = 0;
        foreach (Memory<byte> buffer in buffers)
        {
            long have = Math.Min(buffer.Length, first - total);
            if (have < buffer.Length)
            {
                have += Read(offset + total + have, buffer.Span[(int)have..]);
                first = total + have;
            }

            total += have;
            if (have < buffer.Length)
            {
                break;
            }
        }

        return checked((int)total);
    }

    public override void Write(long offset, IReadOnlyList<ReadOnlyMemory<byte>> buffers)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        try
        {
            RandomAccess.Write(_handle, buffers, offset);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw StorageErrors.FromException(exception, Path, "write", offset);
        }

        _needsFullFlush |= !_volume.DataFlushCoversLength;
    }
}
