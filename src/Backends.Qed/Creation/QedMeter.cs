namespace QedVd.Backends.Qed;

/// <summary>Counts the tables and clusters that runs of the disk touch.</summary>
internal sealed class QedMeter(QedHeader header) : ImageMeter
{
    // What is really used of a cluster: the rest is a hole. Volumes give room in such pieces.
    private const long VolumeBlockBytes = 4096;

    private readonly QedGeometry _geometry = header.Geometry;
    private long _tables;
    private long _clusters;
    private long _volumeBlocks;
    private long _nextTable;
    private long _nextCluster;
    private long _nextVolumeBlock;

    /// <inheritdoc/>
    public override long RequiredBytes => header.L1TableEnd + (_tables * _geometry.TableBytes) + (_clusters * _geometry.ClusterBytes);

    /// <inheritdoc/>
    public override long AllocatedBytes => header.L1TableEnd + (_tables * _geometry.TableBytes) + (_volumeBlocks * VolumeBlockBytes);

    /// <inheritdoc/>
    public override long FullyAllocatedBytes
    {
        get
        {
            Int128 tables = (Int128)_geometry.L1EntriesFor(header.VirtualSizeBytes) * _geometry.TableBytes;
            Int128 clusters = (Int128)_geometry.ClustersFor(header.VirtualSizeBytes) * _geometry.ClusterBytes;
            return (long)Int128.Min(header.L1TableEnd + tables + clusters, long.MaxValue);
        }
    }

    /// <inheritdoc/>
    public override void Add(long offset, long lengthBytes, ExtentKind kind = ExtentKind.Data)
    {
        if (offset < 0 || lengthBytes < 0 || offset > header.VirtualSizeBytes - lengthBytes)
        {
            throw new ArgumentOutOfRangeException(nameof(offset), $"{lengthBytes} bytes at {offset} are not inside the disk of {header.VirtualSizeBytes} bytes.");
        }

        if (lengthBytes == 0 || kind == ExtentKind.Free)
        {
            return;
        }

        long last = offset + lengthBytes - 1;
        Count(offset / _geometry.BytesPerL2, last / _geometry.BytesPerL2, ref _tables, ref _nextTable);
        if (kind == ExtentKind.Data)
        {
            Count(offset >> _geometry.ClusterBits, last >> _geometry.ClusterBits, ref _clusters, ref _nextCluster);
            Count(offset / VolumeBlockBytes, last / VolumeBlockBytes, ref _volumeBlocks, ref _nextVolumeBlock);
        }
    }

    private static void Count(long first, long last, ref long count, ref long next)
    {
        count += Math.Max(0, last + 1 - Math.Max(first, next));
        next = Math.Max(next, last + 1);
    }
}
