using System.Buffers.Binary;

namespace QedVd.TestKit;

/// <summary>Makes the 64 bytes of a header field by field, without our own writer, so that any value can be put anywhere.</summary>
public sealed record QedHeaderBytes
{
    /// <summary>"QED" and a NUL.</summary>
    public uint Magic { get; init; } = 0x00444551;

    /// <summary>Bytes.</summary>
    public uint ClusterSize { get; init; } = 4096;

    /// <summary>Clusters of a table.</summary>
    public uint TableSize { get; init; } = 2;

    /// <summary>Clusters of the header area.</summary>
    public uint HeaderSize { get; init; } = 1;

    /// <summary>1: a parent is named, 2: needs a check, 4: the parent is raw.</summary>
    public ulong Features { get; init; }

    /// <summary>Feature bits that whoever does not know them ignores.</summary>
    public ulong Compat { get; init; }

    /// <summary>Feature bits that whoever does not know them clears before writing.</summary>
    public ulong Autoclear { get; init; }

    /// <summary>Where L1 begins, in bytes.</summary>
    public ulong L1Offset { get; init; } = 4096;

    /// <summary>Of the disk, in bytes.</summary>
    public ulong ImageSize { get; init; } = 1 << 20;

    /// <summary>Where the parent's name begins, in bytes.</summary>
    public uint NameOffset { get; init; }

    /// <summary>Of the parent's name, in bytes.</summary>
    public uint NameSize { get; init; }

    /// <summary>Length of the smallest file with such a header: it ends with L1.</summary>
    public long FileLength => (long)(L1Offset + ((ulong)ClusterSize * TableSize));

    /// <summary>The 64 bytes.</summary>
    public byte[] ToArray()
    {
        byte[] bytes = new byte[64];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(4), ClusterSize);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(8), TableSize);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(12), HeaderSize);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(16), Features);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(24), Compat);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(32), Autoclear);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(40), L1Offset);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(48), ImageSize);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(56), NameOffset);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(60), NameSize);
        return bytes;
    }
}
