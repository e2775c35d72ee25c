namespace QedVd.Backends.Qed;

/// <summary>What the entries of L2 tables say, counted; for people. Whether two name one cluster is the check's business.</summary>
internal sealed class EntryCounts
{
    private ulong _previous;

    /// <summary>Entries that name a cluster which may be data.</summary>
    public long Allocated { get; private set; }

    /// <summary>Entries that say zero.</summary>
    public long Zero { get; private set; }

    /// <summary>Entries that name no possible place.</summary>
    public long Invalid { get; private set; }

    /// <summary>Allocated clusters that do not follow the one before them in the storage.</summary>
    public long Fragmented { get; private set; }

    /// <summary>Bytes of allocated clusters that the storage keeps no room for.</summary>
    public long HoleBytes { get; private set; }

    /// <summary>Where the last cluster ends.</summary>
    public long EndOffset { get; private set; }

    /// <summary>Takes entries of one table in, in order; other entries of the table are 0.</summary>
    public void Add(ReadOnlySpan<ulong> entries, QedGeometry geometry, in QedReferenceRules rules, StorageHoles holes)
    {
        ulong clusterBytes = (ulong)geometry.ClusterBytes;
        for (int i = 0; i < entries.Length;)
        {
            ulong value = entries[i];
            if (value <= QedEntry.Zero)
            {
                int same = EntryRuns.Same(entries, i, value);
                Zero += value == QedEntry.Zero ? same : 0;
                i += same;
                continue;
            }

            if (rules.CheckCluster(value) != QedReferenceProblem.None)
            {
                Invalid++;
                i++;
                continue;
            }

            int count = (int)Math.Min((ulong)EntryRuns.Ascending(entries, i, clusterBytes), rules.RoomFrom(value) >> geometry.ClusterBits);
            Fragmented += _previous != 0 && value != _previous + clusterBytes ? 1 : 0;
            _previous = entries[i + count - 1];
            Allocated += count;
            EndOffset = Math.Max(EndOffset, (long)(_previous + clusterBytes));
            AddHoles((long)value, count * geometry.ClusterBytes, holes);
            i += count;
        }
    }

    /// <summary>Adds another count.</summary>
    public void Add(EntryCounts other)
    {
        Allocated += other.Allocated;
        Zero += other.Zero;
        Invalid += other.Invalid;
        Fragmented += other.Fragmented;
        HoleBytes += other.HoleBytes;
        EndOffset = Math.Max(EndOffset, other.EndOffset);
    }

    private void AddHoles(long offset, long lengthBytes, StorageHoles holes)
    {
        while (lengthBytes > 0)
        {
            StorageExtent extent = holes.At(offset);
            long part = Math.Min(lengthBytes, extent.LengthBytes);
            HoleBytes += extent.IsHole ? part : 0;
            offset += part;
            lengthBytes -= part;
        }
    }
}
