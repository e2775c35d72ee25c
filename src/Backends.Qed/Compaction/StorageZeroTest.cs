namespace QedVd.Backends.Qed;

/// <summary>Tells which clusters of a storage read as zero: by its map of holes where it has one, else by reading, many at a time. One buffer.</summary>
internal sealed class StorageZeroTest(IImageStorage storage, QedGeometry geometry)
{
    private const int BufferBytes = 1 << 20;

    private readonly byte[] _buffer = GC.AllocateUninitializedArray<byte>(BufferBytes);
    private readonly bool _canMapHoles = (storage.Facts & StorageFacts.CanMapHoles) != 0;
    private StorageExtent _extent;
    private long _extentStart;

    /// <summary>Sets a bit for each cluster in use that reads as zero now.</summary>
    /// <param name="used">Says which are in use.</param>
    /// <param name="readsData">Look into the data; otherwise only holes count.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellationToken">Stops between reads.</param>
    public ClusterBitmap Find(UsedClusters used, bool readsData, CompactionProgress progress, CancellationToken cancellationToken)
    {
        ClusterBitmap zeros = new(used.All.ClusterCount);
        long clusterBytes = geometry.ClusterBytes;
        foreach ((long first, long count) in used.UsedRuns())
        {
            long end = (first + count) << geometry.ClusterBits;
            for (long at = first << geometry.ClusterBits; at < end;)
            {
                cancellationToken.ThrowIfCancellationRequested();
                StorageExtent extent = ExtentAt(at);
                long whole = extent.IsHole ? geometry.RoundDown(Math.Min(extent.LengthBytes, end - at)) : 0;
                if (whole > 0)
                {
                    zeros.TrySetRange(at >> geometry.ClusterBits, whole >> geometry.ClusterBits);
                    progress.Advance(whole);
                    at += whole;
                    continue;
                }

                // Up to the next hole, which may begin inside a cluster.
                long data = extent.IsHole || extent.LengthBytes <= clusterBytes ? clusterBytes : geometry.RoundDown(extent.LengthBytes);
                data = Math.Min(data, end - at);
                if (readsData)
                {
                    Read(at, data, zeros, cancellationToken);
                }

                progress.Advance(data);
                at += data;
            }
        }

        return zeros;
    }

    /// <summary>Forgets what is remembered of holes.</summary>
    public void Forget() => _extent = default;

    /// <summary>Whether a cluster reads as zero.</summary>
    public bool IsZero(long offset, bool readsData)
    {
        if (!IsInExtent(offset) || _extent.LengthBytes - (offset - _extentStart) < geometry.ClusterBytes)
        {
            _extent = ExtentAt(offset);
            _extentStart = offset;
        }

        return (_extent.IsHole && _extent.LengthBytes - (offset - _extentStart) >= geometry.ClusterBytes)
            || (readsData && IsZeroByReading(offset));
    }

    private bool IsInExtent(long offset) => offset >= _extentStart && offset - _extentStart < _extent.LengthBytes;

    private void Read(long offset, long lengthBytes, ClusterBitmap zeros, CancellationToken cancellationToken)
    {
        int clusterBytes = (int)geometry.ClusterBytes;
        for (long end = offset + lengthBytes; offset < end;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (clusterBytes > BufferBytes)
            {
                if (IsZeroByReading(offset))
                {
                    zeros.TrySet(offset >> geometry.ClusterBits);
                }

                offset += clusterBytes;
                continue;
            }

            int part = (int)Math.Min(BufferBytes, end - offset);
            StorageReads.Exactly(storage, offset, _buffer.AsSpan(0, part));
            for (int i = 0; i < part; i += clusterBytes)
            {
                if (!_buffer.AsSpan(i, clusterBytes).ContainsAnyExcept((byte)0))
                {
                    zeros.TrySet((offset + i) >> geometry.ClusterBits);
                }
            }

            offset += part;
        }
    }

    private bool IsZeroByReading(long offset)
    {
        for (long end = offset + geometry.ClusterBytes; offset < end; offset += BufferBytes)
        {
            Span<byte> part = _buffer.AsSpan(0, (int)Math.Min(BufferBytes, end - offset));
            StorageReads.Exactly(storage, offset, part);
            if (part.ContainsAnyExcept((byte)0))
            {
                return false;
            }
        }

        return true;
    }

    private StorageExtent ExtentAt(long offset) => _canMapHoles ? storage.GetExtent(offset) : new StorageExtent(long.MaxValue, IsHole: false);
}
