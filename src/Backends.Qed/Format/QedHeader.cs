using System.Buffers.Binary;

namespace QedVd.Backends.Qed;

/// <summary>
/// The 64 bytes at the start of an image, proven: an instance made by <see cref="Parse"/> contradicts neither itself nor the length of its file.
/// </summary>
internal sealed record QedHeader
{
    /// <summary>Bytes of the header; the rest of the header area holds strings, or nothing that we know of.</summary>
    public const int SizeBytes = 64;

    /// <summary>"QED" and a NUL, as a little-endian number.</summary>
    public const uint Magic = 0x00444551;

    /// <summary>The longest parent name that we read and write: what QEMU can open.</summary>
    public const int MaxBackingNameBytes = 4095;

    public required QedGeometry Geometry { get; init; }

    /// <summary>Clusters before the first table or data cluster; at least 1.</summary>
    public uint HeaderClusters { get; init; } = 1;

    public ulong Features { get; init; }

    public ulong CompatFeatures { get; init; }

    public ulong AutoclearFeatures { get; init; }

    public required long L1TableOffset { get; init; }

    public required long VirtualSizeBytes { get; init; }

    public uint BackingNameOffset { get; init; }

    public uint BackingNameSize { get; init; }

    public long HeaderAreaBytes => HeaderClusters * Geometry.ClusterBytes;

    /// <summary>Where L1 ends.</summary>
    public long L1TableEnd => L1TableOffset + Geometry.TableBytes;

    public bool NeedsCheck => (Features & QedFeatures.NeedCheck) != 0;

    /// <summary>Whether a parent is named. A flagged name of length 0 counts as none, as QEMU takes it.</summary>
    public bool HasParent => (Features & QedFeatures.BackingFile) != 0 && BackingNameSize > 0;

    /// <summary>Whether the parent is marked raw.</summary>
    public bool ParentIsRaw => HasParent && (Features & QedFeatures.BackingFormatNoProbe) != 0;

    public ulong UnknownCompatFeatures => CompatFeatures & ~QedFeatures.KnownCompat;

    public ulong UnknownAutoclearFeatures => AutoclearFeatures & ~QedFeatures.KnownAutoclear;

    /// <summary>Reads and proves a header.</summary>
    /// <param name="start">The start of the file; all of it when it is shorter than <see cref="SizeBytes"/>.</param>
    /// <param name="fileLengthBytes">The length of the file.</param>
    /// <param name="name">The file, for messages.</param>
    /// <exception cref="ImageException">Not a QED image, an unknown feature, or a field that may not have its value.</exception>
    public static QedHeader Parse(ReadOnlySpan<byte> start, long fileLengthBytes, string name) =>
        QedHeaderReader.Read(start, fileLengthBytes, name);

    /// <summary>Writes the 64 bytes of the header, and no others.</summary>
    public void WriteTo(Span<byte> target)
    {
        target = target[..SizeBytes];
        BinaryPrimitives.WriteUInt32LittleEndian(target, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(target[4..], (uint)Geometry.ClusterBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(target[8..], (uint)Geometry.TableClusters);
        BinaryPrimitives.WriteUInt32LittleEndian(target[12..], HeaderClusters);
        BinaryPrimitives.WriteUInt64LittleEndian(target[16..], Features);
        BinaryPrimitives.WriteUInt64LittleEndian(target[24..], CompatFeatures);
        BinaryPrimitives.WriteUInt64LittleEndian(target[32..], AutoclearFeatures);
        BinaryPrimitives.WriteInt64LittleEndian(target[40..], L1TableOffset);
        BinaryPrimitives.WriteInt64LittleEndian(target[48..], VirtualSizeBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(target[56..], BackingNameOffset);
        BinaryPrimitives.WriteUInt32LittleEndian(target[60..], BackingNameSize);
    }
}
