namespace QedVd.Backends.Qed;

/// <summary>
/// Reads that must not come back short. On the calling thread, which is the compaction's own for the time of a batch: a hop to another thread for each
/// of many thousand pieces would cost more than most of them.
/// </summary>
internal static class StorageReads
{
    /// <exception cref="ImageException">The file is truncated, or the storage failed.</exception>
    public static void Exactly(IImageStorage storage, long offset, Span<byte> buffer)
    {
        int read = storage.Read(offset, buffer);
        if (read < buffer.Length)
        {
            throw new ImageException(
                ImageErrorKind.Io,
                $"{storage.Name}: the file is truncated: {buffer.Length} bytes are needed at {offset}, and it ends after {read} of them.",
                storage.Name,
                "read",
                offset);
        }
    }
}
