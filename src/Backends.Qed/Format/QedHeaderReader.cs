using System.Buffers.Binary;

namespace QedVd.Backends.Qed;

/// <summary>The one place where a header is proven. No arithmetic on its fields can wrap around: 32-bit ones are widened, 64-bit ones only compared.</summary>
internal static class QedHeaderReader
{
    public static QedHeader Read(ReadOnlySpan<byte> start, long fileLengthBytes, string name)
    {
        CheckMagic(start, fileLengthBytes, name);

        // Before the geometry: what an unknown feature makes of the other fields is unknown.
        ulong features = BinaryPrimitives.ReadUInt64LittleEndian(start[16..]);
        ulong unknown = features & ~QedFeatures.Known;
        if (unknown != 0)
        {
            throw new ImageException(
                ImageErrorKind.UnsupportedFeature,
                $"{name}: features has bits 0x{unknown:x} that are not known here (known: 0x{QedFeatures.Known:x}); the image needs a newer program.",
                name,
                "open",
                16);
        }

        QedGeometry geometry = ReadGeometry(start, name);
        ulong fileClustersEnd = (ulong)geometry.RoundDown(fileLengthBytes);

        uint headerClusters = BinaryPrimitives.ReadUInt32LittleEndian(start[12..]);
        ulong headerEnd = headerClusters * (ulong)geometry.ClusterBytes;
        if (headerClusters == 0 || headerEnd > fileClustersEnd)
        {
            throw Bad(name, 12, "header_size", headerClusters, $"clusters of {geometry.ClusterBytes} bytes; allowed: at least 1, and all of them inside the file of {fileLengthBytes} bytes");
        }

        ulong virtualSize = BinaryPrimitives.ReadUInt64LittleEndian(start[48..]);
        if (virtualSize % QedGeometry.SectorBytes != 0)
        {
            throw Bad(name, 48, "image_size", virtualSize, $"allowed: multiples of {QedGeometry.SectorBytes}");
        }

        if (virtualSize > (ulong)geometry.MaxVirtualSizeBytes)
        {
            throw Bad(
                name,
                48,
                "image_size",
                virtualSize,
                $"allowed: at most {geometry.MaxVirtualSizeBytes} with clusters of {geometry.ClusterBytes} bytes and tables of {geometry.TableClusters} clusters");
        }

        ulong l1Offset = BinaryPrimitives.ReadUInt64LittleEndian(start[40..]);
        if (l1Offset % (ulong)geometry.ClusterBytes != 0)
        {
            throw Bad(name, 40, "l1_table_offset", l1Offset, $"allowed: multiples of the cluster size {geometry.ClusterBytes}");
        }

        if (l1Offset < headerEnd)
        {
            throw Bad(name, 40, "l1_table_offset", l1Offset, $"allowed: at or behind the end of the header area at {headerEnd}");
        }

        if (l1Offset > fileClustersEnd || fileClustersEnd - l1Offset < (ulong)geometry.TableBytes)
        {
            throw Bad(
                name,
                40,
                "l1_table_offset",
                l1Offset,
                $"allowed: the table of {geometry.TableBytes} bytes ends inside the file, which has {fileLengthBytes} bytes ({fileClustersEnd} in whole clusters); the file may be truncated");
        }

        uint nameOffset = BinaryPrimitives.ReadUInt32LittleEndian(start[56..]);
        uint nameSize = BinaryPrimitives.ReadUInt32LittleEndian(start[60..]);
        if ((features & QedFeatures.BackingFile) != 0)
        {
            CheckBackingName(name, nameOffset, nameSize, headerEnd);
        }

        return new QedHeader
        {
            Geometry = geometry,
            HeaderClusters = headerClusters,
            Features = features,
            CompatFeatures = BinaryPrimitives.ReadUInt64LittleEndian(start[24..]),
            AutoclearFeatures = BinaryPrimitives.ReadUInt64LittleEndian(start[32..]),
            L1TableOffset = (long)l1Offset,
            VirtualSizeBytes = (long)virtualSize,
            BackingNameOffset = nameOffset,
            BackingNameSize = nameSize,
        };
    }

    /// <summary>Whether a file starts with the four bytes of the format.</summary>
    public static bool HasMagic(ReadOnlySpan<byte> start) =>
        start.Length >= 4 && BinaryPrimitives.ReadUInt32LittleEndian(start) == QedHeader.Magic;

    private static void CheckMagic(ReadOnlySpan<byte> start, long fileLengthBytes, string name)
    {
        if (!HasMagic(start))
        {
            throw new ImageException(
                ImageErrorKind.NotThisFormat,
                start.Length < 4
                    ? $"{name}: not a QED image: too short ({fileLengthBytes} bytes; a QED image has at least {2 << QedGeometry.MinClusterBits})."
                    : $"{name}: not a QED image: magic is 0x{BinaryPrimitives.ReadUInt32BigEndian(start):x8}, not 0x51454400 (\"QED\" and a NUL).",
                name,
                "open",
                0);
        }

        if (start.Length < QedHeader.SizeBytes)
        {
            throw new ImageException(
                ImageErrorKind.Corrupt,
                $"{name}: header truncated: the file has {fileLengthBytes} bytes, the header alone needs {QedHeader.SizeBytes}.",
                name,
                "open",
                0);
        }
    }

    private static QedGeometry ReadGeometry(ReadOnlySpan<byte> start, string name)
    {
        uint clusterBytes = BinaryPrimitives.ReadUInt32LittleEndian(start[4..]);
        uint tableClusters = BinaryPrimitives.ReadUInt32LittleEndian(start[8..]);
        if (!QedGeometry.IsClusterSize(clusterBytes))
        {
            throw Bad(name, 4, "cluster_size", clusterBytes, $"allowed: powers of two from {1 << QedGeometry.MinClusterBits} to {1 << QedGeometry.MaxClusterBits}");
        }

        if (!QedGeometry.TryCreate(clusterBytes, tableClusters, out QedGeometry geometry))
        {
            throw Bad(name, 8, "table_size", tableClusters, $"allowed: powers of two from 1 to {1 << QedGeometry.MaxTableBits}");
        }

        return geometry;
    }

    private static void CheckBackingName(string name, uint offset, uint size, ulong headerEnd)
    {
        if ((ulong)offset + size > headerEnd)
        {
            throw Bad(name, 56, "backing_filename_offset", offset, $"allowed: the name of {size} bytes ends inside the header area of {headerEnd} bytes");
        }

        if (size > QedHeader.MaxBackingNameBytes)
        {
            throw Bad(name, 60, "backing_filename_size", size, $"allowed: at most {QedHeader.MaxBackingNameBytes} bytes");
        }
    }

    private static ImageException Bad(string name, long fieldOffset, string field, ulong value, string why) =>
        new(ImageErrorKind.Corrupt, $"{name}: header field {field} is {value}: {why}.", name, "open", fieldOffset);
}
