namespace QedVd.Backends.Qed;

/// <summary>Which clusters of a file something refers to, and which of them are tables.</summary>
internal sealed class ClusterUse
{
    private readonly QedGeometry _geometry;
    private readonly long _headerClusters;
    private readonly ClusterBitmap _used;
    private readonly ClusterBitmap _addedTables;
    private readonly L2TableSet _tables;

    public ClusterUse(QedHeader header, long fileLengthBytes, L2TableSet tables)
    {
        _geometry = header.Geometry;
        _headerClusters = header.HeaderClusters;
        _used = new ClusterBitmap(fileLengthBytes >> _geometry.ClusterBits);
        _tables = tables;
        _addedTables = new ClusterBitmap(tables.Count);
        _used.TrySetRange(header.L1TableOffset >> _geometry.ClusterBits, _geometry.TableClusters);
        TablesEnd = header.L1TableEnd;
    }

    private ClusterUse(ClusterUse whole)
    {
        _geometry = whole._geometry;
        _headerClusters = whole._headerClusters;
        _used = new ClusterBitmap(whole._used.ClusterCount);
        _tables = whole._tables;
        _addedTables = new ClusterBitmap(0);
        TablesEnd = whole.TablesEnd;
    }

    /// <summary>Where the last table ends in the file.</summary>
    public long TablesEnd { get; private set; }

    /// <summary>Marks the clusters of a table of the set.</summary>
    /// <param name="offset">Where the table starts.</param>
    /// <param name="shared">How many of its clusters were marked before.</param>
    /// <returns>False when this table was added before.</returns>
    public bool TryAddTable(long offset, out long shared)
    {
        long first = offset >> _geometry.ClusterBits;
        shared = 0;
        for (long cluster = first; cluster < first + _geometry.TableClusters; cluster++)
        {
            if (!_used.TrySet(cluster))
            {
                shared++;
            }
        }

        TablesEnd = Math.Max(TablesEnd, offset + _geometry.TableBytes);

        // A part of L1 that could not be read when the set was made may have been read since.
        int index = _tables.IndexOf(offset);
        return index < 0 || _addedTables.TrySet(index);
    }

    /// <summary>Marks a data cluster; false when it was marked before.</summary>
    public bool TryAddCluster(long cluster) => _used.TrySet(cluster);

    /// <summary>Marks a run of data clusters; false, with nothing changed, when one of them was marked before.</summary>
    public bool TryAddClusters(long first, long count) => _used.TrySetRange(first, count);

    /// <summary>An empty one for the data clusters of some of the same tables, to be taken back with <see cref="TryMerge"/>.</summary>
    public ClusterUse Fork() => new(this);

    /// <summary>Takes in what forks have marked; false, with nothing changed here, when a cluster is marked twice. The forks are of no use afterwards.</summary>
    public bool TryMerge(ReadOnlySpan<ClusterUse> forks)
    {
        ClusterBitmap sum = forks[0]._used;
        foreach (ClusterUse fork in forks[1..])
        {
            if (!sum.TryMerge(fork._used))
            {
                return false;
            }
        }

        return _used.TryMerge(sum);
    }

    /// <summary>Whether a cluster belongs to an L2 table.</summary>
    public bool IsTable(long cluster) => _tables.Contains(cluster << _geometry.ClusterBits);

    /// <summary>The runs of clusters behind the header area that nothing refers to.</summary>
    public IEnumerable<(long First, long Count)> Leaks() => _used.ClearRuns(_headerClusters);
}
