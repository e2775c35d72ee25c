namespace QedVd.Backends.Qed;

/// <summary>Finds out which clusters of the file something refers to, from the storage, while new ones are added behind a frontier.</summary>
internal sealed class UsedClusters
{
    private readonly IImageStorage _storage;
    private readonly QedHeader _header;
    private readonly QedReferenceRules _rules;
    private readonly ClusterBitmap _used;
    private readonly ulong _frontier;
    private long _end;

    /// <param name="storage">The image's storage.</param>
    /// <param name="header">Its header.</param>
    /// <param name="frontier">Clusters behind this are none of our business.</param>
    /// <param name="fileEnd">Where the last cluster ends that an entry may name.</param>
    public UsedClusters(IImageStorage storage, QedHeader header, long frontier, long fileEnd)
    {
        _storage = storage;
        _header = header;
        _rules = new QedReferenceRules(header, fileEnd);
        _frontier = (ulong)frontier;
        _used = new ClusterBitmap(frontier >> header.Geometry.ClusterBits);
    }

    /// <summary>Where the last used cluster below the frontier ends.</summary>
    public long EndBytes => _end << _header.Geometry.ClusterBits;

    /// <summary>Goes through all tables; false when an entry cannot stand, so that not all is known.</summary>
    public async ValueTask<bool> FindAsync(CancellationToken cancellationToken)
    {
        QedGeometry geometry = _header.Geometry;
        Mark(0, _header.HeaderClusters);
        Mark((ulong)_header.L1TableOffset, geometry.TableClusters);
        StoredEntries l1 = new(_storage);
        StoredEntries l2 = new(_storage);
        for (long first = 0; await l1.ReadAsync(_header.L1TableOffset, first, geometry.EntriesPerTable, cancellationToken).ConfigureAwait(false); first = l1.First + l1.Count)
        {
            for (int i = 0; i < l1.Count; i++)
            {
                ulong table = l1[i];
                if (table == QedEntry.Unallocated)
                {
                    continue;
                }

                if (!IsSound(_rules.CheckTable(table), table) || !await FindInTableAsync(l2, (long)table, cancellationToken).ConfigureAwait(false))
                {
                    return false;
                }

                Mark(table, geometry.TableClusters);
            }
        }

        return true;
    }

    /// <summary>The runs of clusters below the frontier that nothing refers to.</summary>
    public IEnumerable<(long First, long Count)> FreeRuns() => _used.ClearRuns(_header.HeaderClusters);

    private async ValueTask<bool> FindInTableAsync(StoredEntries entries, long table, CancellationToken cancellationToken)
    {
        int count = _header.Geometry.EntriesPerTable;
        for (long first = 0; await entries.ReadAsync(table, first, count, cancellationToken).ConfigureAwait(false); first = entries.First + entries.Count)
        {
            for (int i = 0; i < entries.Count; i++)
            {
                ulong entry = entries[i];
                if (entry <= QedEntry.Zero)
                {
                    continue;
                }

                if (!IsSound(_rules.CheckCluster(entry), entry))
                {
                    return false;
                }

                Mark(entry, 1);
            }
        }

        return true;
    }

    /// <summary>What was allocated meanwhile may lie behind the end that was seen.</summary>
    private bool IsSound(QedReferenceProblem problem, ulong entry) =>
        problem == QedReferenceProblem.None || (problem == QedReferenceProblem.OutsideFile && entry >= _frontier && entry <= long.MaxValue);

    private void Mark(ulong offset, long clusters)
    {
        long first = (long)(offset >> _header.Geometry.ClusterBits);
        for (long cluster = first; cluster < first + clusters && cluster < _used.ClusterCount; cluster++)
        {
            _used.TrySet(cluster);
            _end = Math.Max(_end, cluster + 1);
        }
    }
}
