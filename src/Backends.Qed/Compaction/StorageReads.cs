namespace QedVd.Backends.Qed;

/// <summary>Reads that must not come back short.</summary>
internal static class StorageReads
{
    /// <exception cref="ImageException">The file is truncated, or the storage failed.</exception>
    public static async ValueTask ExactlyAsync(IImageStorage storage, long offset, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        int read = await storage.ReadAsync(offset, buffer, cancellationToken).ConfigureAwait(false);
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
