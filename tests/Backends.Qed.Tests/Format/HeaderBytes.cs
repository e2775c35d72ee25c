using System.Buffers.Binary;

namespace QedVd.Backends.Qed.Tests.Format;

/// <summary>Makes the 64 bytes of a header field by field, without our own writer, so that any value can be put anywhere.</summary>
internal sealed record HeaderBytes
{
    public uint Magic { get; init; } = 0x00444551;

    public uint ClusterSize { get; init; } = 4096;

    public uint TableSize { get; init; } = 2;

    public uint HeaderSize { get; init; } = 1;

    public ulong Features { get; init; }

    public ulong Compat { get; init; }

    public ulong Autoclear { get; init; }

    public ulong L1Offset { get; init; } = 4096;

    public ulong ImageSize { get; init; } = 1 << 20;

    public uint NameOffset { get; init; }

    public uint NameSize { get; init; }

    /// <summary>Length of the smallest file with such a header: it ends with L1.</summary>
    public long FileLength => (long)(L1Offset + ((ulong)ClusterSize * TableSize));

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

    public QedHeader Parse(long? fileLength = null) => QedHeader.Parse(ToArray(), fileLength ?? FileLength, "a.qed");
}
