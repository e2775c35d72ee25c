using System.Buffers;

namespace QedVd.Backends.Qed;

/// <summary>The header area of an image in its storage: one read for the header and, nearly always, the parent's name; one write for the header.</summary>
internal static class QedHeaderFile
{
    /// <summary>Header and the longest name where everybody puts it, in whole sectors.</summary>
    private const int ReadBytes = 4608;

    /// <summary>Reads and proves the header, and takes the parent's name from wherever it is in the header area.</summary>
    public static async ValueTask<(QedHeader Header, ParentReference? Parent, long FileLengthBytes)> ReadAsync<TIo>(
        IImageStorage storage,
        CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(ReadBytes);
        try
        {
            int read = await TIo.ReadAsync(storage, 0, new IoBuffer(buffer.AsMemory(0, ReadBytes)), cancellationToken).ConfigureAwait(false);
            long fileLengthBytes = storage.GetLength();
            QedHeader header = QedHeader.Parse(buffer.AsSpan(0, read), fileLengthBytes, storage.Name);
            if (!header.HasParent)
            {
                return (header, null, fileLengthBytes);
            }

            int size = (int)header.BackingNameSize;
            int start = 0;
            if (header.BackingNameOffset + (long)size <= read)
            {
                start = (int)header.BackingNameOffset;
            }
            else
            {
                read = await TIo.ReadAsync(storage, header.BackingNameOffset, new IoBuffer(buffer.AsMemory(0, size)), cancellationToken).ConfigureAwait(false);
                if (read < size)
                {
                    throw new ImageException(
                        ImageErrorKind.Io,
                        $"{storage.Name}: the file is truncated: the parent's name of {size} bytes at {header.BackingNameOffset} has {read}.",
                        storage.Name,
                        "open",
                        header.BackingNameOffset);
                }
            }

            return (header, new ParentReference(buffer.AsSpan(start, size), header.ParentIsRaw ? ParentReference.Raw : null), fileLengthBytes);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Writes the 64 bytes of the header: part of one sector, so that a crash leaves the old or the new ones.</summary>
    public static async ValueTask WriteAsync<TIo>(IImageStorage storage, QedHeader header, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        byte[] buffer = new byte[QedHeader.SizeBytes];
        header.WriteTo(buffer);
        await TIo.WriteAsync(storage, 0, new IoBuffer(buffer.AsMemory()), cancellationToken).ConfigureAwait(false);
    }
}
