namespace QedVd.Backends.Qed;

/// <summary>What a person should know about an image that is legal all the same. One line each.</summary>
internal static class QedWarnings
{
    public static List<string> Of(QedHeader header, long fileLengthBytes)
    {
        List<string> warnings = [];
        QedGeometry geometry = header.Geometry;
        string sizes = $"clusters of {geometry.ClusterBytes} bytes and tables of {geometry.TableClusters} {(geometry.TableClusters == 1 ? "cluster" : "clusters")}";
        if (geometry.TableBits == 0)
        {
            warnings.Add($"{sizes}: legal, but QEMU cannot open such an image");
        }
        else if (!geometry.IsUsableByQemu && header.VirtualSizeBytes > 0)
        {
            warnings.Add($"{sizes}: legal, but QEMU cannot open such an image (what the tables address exceeds 64 bits there)");
        }

        if (header.HeaderAreaBytes > uint.MaxValue)
        {
            warnings.Add($"a header area of {header.HeaderAreaBytes} bytes: legal, but QEMU cannot open such an image");
        }

        if ((header.Features & QedFeatures.BackingFile) != 0)
        {
            if (header.BackingNameSize == 0)
            {
                warnings.Add("the header says that there is a parent, and its name has length 0: taken as none");
            }
            else if (header.BackingNameOffset < QedHeader.SizeBytes)
            {
                warnings.Add($"the parent's name is at {header.BackingNameOffset}, inside the header's own fields");
            }
        }

        if (header.UnknownCompatFeatures != 0)
        {
            warnings.Add($"unknown compatible features 0x{header.UnknownCompatFeatures:x}: kept; the parent's name cannot be changed");
        }

        if (header.UnknownAutoclearFeatures != 0)
        {
            warnings.Add($"unknown autoclear features 0x{header.UnknownAutoclearFeatures:x}: an opening for writing clears them");
        }

        long tail = fileLengthBytes - geometry.RoundDown(fileLengthBytes);
        if (tail != 0)
        {
            warnings.Add($"the file ends with a part of a cluster ({tail} bytes), which is not part of the image");
        }

        return warnings;
    }

    /// <summary>What a barrier that failed earlier means.</summary>
    public static string Of(StorageFence fence) =>
        $"a barrier on this file failed earlier ({fence.TimestampUtc:u}: {fence.Message.TrimEnd('.')}): what was written since the last good barrier is undefined";
}
