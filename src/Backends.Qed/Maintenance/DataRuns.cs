namespace QedVd.Backends.Qed;

/// <summary>Gathers the data clusters of one table after the other into runs that lie in one piece on the disk and in the storage.</summary>
/// <param name="geometry">Of the image.</param>
/// <param name="virtualSizeBytes">Where the disk ends: what lies beyond has no place on it.</param>
internal sealed class DataRuns(QedGeometry geometry, long virtualSizeBytes)
{
    private readonly List<MetadataChunk> _complete = [];
    private MetadataChunk _open;

    /// <summary>The runs that are known to have ended; the caller clears them.</summary>
    public List<MetadataChunk> Complete => _complete;

    /// <summary>Takes entries in, in the order of the table; those that may not stand are left out.</summary>
    public void Add(int l1Index, int firstIndex, ReadOnlySpan<ulong> entries, in QedReferenceRules rules, KnownTables tables)
    {
        ulong clusterBytes = (ulong)geometry.ClusterBytes;
        for (int i = 0; i < entries.Length;)
        {
            ulong value = entries[i];
            if (value <= QedEntry.Zero)
            {
                i += EntryRuns.Same(entries, i, value);
                continue;
            }

            int count = 1;
            if (rules.CheckCluster(value) == QedReferenceProblem.None)
            {
                count = EntryRuns.Ascending(entries, i, clusterBytes);
                count = (int)Math.Min((ulong)count, rules.RoomFrom(value) >> geometry.ClusterBits);
                if (tables.ContainsAny((long)value, count * geometry.ClusterBytes))
                {
                    int whole = count;
                    count = 0;
                    while (count < whole && !tables.ContainsCluster((long)value + (count * geometry.ClusterBytes)))
                    {
                        count++;
                    }
                }

                AddRun(l1Index, firstIndex + i, (long)value, count);
            }

            i += Math.Max(count, 1);
        }
    }

    /// <summary>Nothing continues what was added last.</summary>
    public void End()
    {
        if (_open.LengthBytes > 0)
        {
            _complete.Add(_open);
        }

        _open = default;
    }

    private void AddRun(int l1Index, int index, long place, int count)
    {
        // As wide as the largest geometry, whose tables reach further than a disk can.
        Int128 start = ((Int128)l1Index * geometry.BytesPerL2) + ((Int128)index << geometry.ClusterBits);
        long length = (long)count << geometry.ClusterBits;
        if (length == 0)
        {
            return;
        }

        if (start >= virtualSizeBytes)
        {
            Append(new MetadataChunk(MetadataChunkKind.Data, place, length));
            return;
        }

        // The last cluster belongs to the disk in whole; clusters behind it do not.
        long onDisk = (long)Int128.Min(length, ((virtualSizeBytes - start) + geometry.ClusterBytes - 1) / geometry.ClusterBytes * geometry.ClusterBytes);
        Append(new MetadataChunk(MetadataChunkKind.Data, place, onDisk, (long)start));
        if (onDisk < length)
        {
            Append(new MetadataChunk(MetadataChunkKind.Data, place + onDisk, length - onDisk));
        }
    }

    private void Append(in MetadataChunk next)
    {
        bool continues = _open.LengthBytes > 0
            && next.StorageOffset == _open.StorageOffset + _open.LengthBytes
            && (_open.DiskOffset < 0 ? next.DiskOffset < 0 : next.DiskOffset == _open.DiskOffset + _open.LengthBytes);
        if (continues)
        {
            _open = _open with { LengthBytes = _open.LengthBytes + next.LengthBytes };
            return;
        }

        End();
        _open = next;
    }
}
