using System.Buffers.Binary;

namespace QedVd.Host;

/// <summary>The parent's name in images that no backend here is for, but that may well lie over one of ours: versions 1 to 3 of QEMU's copy-on-write format.</summary>
internal static class ForeignParent
{
    // Both versions alike: magic, version, the name's offset (64 bits) and length (32 bits), big endian.
    private const int NameOffsetAt = 8;
    private const int NameLengthAt = 16;
    private const int HeaderBytes = 20;
    private const int MaxNameBytes = 1023;

    public static async ValueTask<ParentReference?> ReadAsync(IImageStorage storage, ProbeReport report, CancellationToken cancellationToken)
    {
        if (report.NamedFormats.All(format => format.Id is not ("qcow" or "qcow2")))
        {
            return null;
        }

        byte[] header = new byte[HeaderBytes];
        if (await storage.ReadAsync(0, header, cancellationToken).ConfigureAwait(false) < HeaderBytes)
        {
            return null;
        }

        ulong offset = BinaryPrimitives.ReadUInt64BigEndian(header.AsSpan(NameOffsetAt));
        uint length = BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(NameLengthAt));
        if (offset is 0 or > int.MaxValue || length is 0 or > MaxNameBytes)
        {
            return null;
        }

        byte[] name = new byte[length];
        int read = await storage.ReadAsync((long)offset, name, cancellationToken).ConfigureAwait(false);
        return read == name.Length ? new ParentReference(name) : null;
    }
}
