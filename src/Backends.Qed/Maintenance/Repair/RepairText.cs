namespace QedVd.Backends.Qed;

/// <summary>What several repairs say alike.</summary>
internal static class RepairText
{
    public static string Lost(long offset, long length) => $"the data of {length} bytes of the disk from {offset} is lost";

    /// <summary>The part of the disk that an L1 entry describes.</summary>
    public static (long Offset, long LengthBytes) RangeOf(QedHeader header, int l1Index)
    {
        long offset = l1Index * header.Geometry.BytesPerL2;
        return (offset, Math.Clamp(header.VirtualSizeBytes - offset, 0, header.Geometry.BytesPerL2));
    }

    /// <summary>The part of the disk that an L2 entry describes; its length is 0 beyond the end of the disk.</summary>
    public static (long Offset, long LengthBytes) RangeOf(QedHeader header, int l1Index, int l2Index)
    {
        QedGeometry geometry = header.Geometry;
        long cluster = ((long)l1Index << geometry.EntryBits) + l2Index;
        if (cluster >= geometry.ClustersFor(header.VirtualSizeBytes))
        {
            return (-1, 0);
        }

        long offset = cluster << geometry.ClusterBits;
        return (offset, Math.Min(geometry.ClusterBytes, header.VirtualSizeBytes - offset));
    }
}
