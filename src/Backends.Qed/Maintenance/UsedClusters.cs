namespace QedVd.Backends.Qed;

/// <summary>
/// Which clusters below an end of the file something refers to, and where the tables are, as the storage has them. What lies at or behind the end is left
/// aside, so that a guest may go on allocating there meanwhile. One bit per cluster, 16 bytes per table. For images without damage: it stops at the first.
/// </summary>
internal sealed class UsedClusters
{
    private readonly QedHeader _header;
    private readonly QedGeometry _geometry;
    private readonly List<TablePlace> _tables = [];

    /// <param name="header">The image's header.</param>
    /// <param name="endBytes">The end, a multiple of the cluster size.</param>
    public UsedClusters(QedHeader header, long endBytes)
    {
        _header = header;
        _geometry = header.Geometry;
        EndBytes = endBytes;
        All = new ClusterBitmap(endBytes >> _geometry.ClusterBits);
        All.TrySetRange(header.L1TableOffset >> _geometry.ClusterBits, _geometry.TableClusters);
    }

    /// <summary>Says what an entry of a slice may name.</summary>
    public required Func<long, QedReferenceRules> RulesFor { get; init; }

    /// <summary>Makes the failure of an entry that may not stand, of what is wrong with it and its value.</summary>
    public required Func<string, ulong, ImageException> Damaged { get; init; }

    /// <summary>The end.</summary>
    public long EndBytes { get; }

    /// <summary>Each cluster behind the header area that something refers to.</summary>
    public ClusterBitmap All { get; }

    /// <summary>The first cluster behind the header area.</summary>
    public long FirstCluster => _header.HeaderClusters;

    /// <summary>The L2 tables, in the order of the disk.</summary>
    public IReadOnlyList<TablePlace> Tables => _tables;

    /// <summary>Clusters that nothing refers to.</summary>
    public long FreeCount => All.ClusterCount - FirstCluster - All.SetCount;

    /// <summary>Where the last cluster ends that is in use.</summary>
    public long UsedEndBytes
    {
        get
        {
            long end = All.ClusterCount;
            foreach ((long first, long count) in FreeRuns())
            {
                end = first + count == All.ClusterCount ? first : end;
            }

            return end << _geometry.ClusterBits;
        }
    }

    /// <summary>Goes through all tables. Once.</summary>
    /// <exception cref="ImageException">A table cannot be read, or what <see cref="Damaged"/> has made.</exception>
    public async ValueTask FindAsync<TIo>(MetadataWalk walk, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        walk.Rewind();
        while (await walk.NextTableAsync<TIo>(cancellationToken).ConfigureAwait(false))
        {
            AddTable(walk.L1Index, walk.L1Value);
        }

        // All tables first, so that data inside one of them is found out whatever the order.
        foreach (TablePlace table in _tables)
        {
            walk.OpenTable(table.Offset);
            while (await walk.NextEntriesAsync<TIo>(cancellationToken).ConfigureAwait(false))
            {
                AddClusters(walk.Entries, walk.FirstIndex, table);
            }
        }
    }

    /// <summary>Where the L2 tables start, ascending, as numbers of clusters.</summary>
    public long[] SortedTables()
    {
        long[] tables = [.. _tables.Select(table => table.Offset >> _geometry.ClusterBits)];
        Array.Sort(tables);
        return tables;
    }

    /// <summary>What moves where so that the file can be cut; L1 moves like any table.</summary>
    public RelocationPlan PlanMoves()
    {
        long[] tables = [.. SortedTables(), _header.L1TableOffset >> _geometry.ClusterBits];
        Array.Sort(tables);
        return new RelocationPlan(FirstCluster, All, tables, _geometry.TableClusters);
    }

    /// <summary>The runs of clusters that nothing refers to, in order.</summary>
    public IEnumerable<(long First, long Count)> FreeRuns() => All.ClearRuns(FirstCluster);

    /// <summary>The runs of clusters that are in use, in order.</summary>
    public IEnumerable<(long First, long Count)> UsedRuns()
    {
        long at = FirstCluster;
        foreach ((long first, long count) in FreeRuns())
        {
            if (first > at)
            {
                yield return (at, first - at);
            }

            at = first + count;
        }

        if (at < All.ClusterCount)
        {
            yield return (at, All.ClusterCount - at);
        }
    }

    private void AddTable(int l1Index, ulong value)
    {
        QedReferenceRules rules = RulesFor(SliceKey.ForL1(l1Index));
        QedReferenceProblem problem = rules.CheckTable(value);
        if (problem != QedReferenceProblem.None)
        {
            throw Damaged($"L1 entry {l1Index} is {value}: {rules.Describe(problem)}", value);
        }

        if (value >= (ulong)EndBytes)
        {
            return;
        }

        _tables.Add(new TablePlace(l1Index, (long)value));
        if (!All.TrySetRange((long)value >> _geometry.ClusterBits, _geometry.TableClusters))
        {
            throw Damaged($"L1 entry {l1Index} names a table at {value}, where another table is", value);
        }
    }

    private void AddClusters(ReadOnlySpan<ulong> entries, int firstIndex, TablePlace table)
    {
        ulong end = (ulong)EndBytes;
        ulong mask = (ulong)_geometry.ClusterBytes - 1;
        ulong headerEnd = (ulong)_header.HeaderAreaBytes;
        for (int i = 0; i < entries.Length; i++)
        {
            ulong value = entries[i];
            if (value <= QedEntry.Zero)
            {
                i += EntryRuns.Same(entries, i, value) - 1;
                continue;
            }

            if (value >= end || (value & mask) != 0 || value < headerEnd)
            {
                CheckBehind(value, firstIndex + i, table);
            }
            else if (!All.TrySet((long)value >> _geometry.ClusterBits))
            {
                throw Damaged($"entry {firstIndex + i} of the L2 table at {table.Offset} names the cluster at {value}, to which something else refers as well", value);
            }
        }
    }

    /// <summary>An entry that names no place below the end.</summary>
    private void CheckBehind(ulong value, int index, TablePlace table)
    {
        QedReferenceRules rules = RulesFor(SliceKey.ForCluster(((long)table.L1Index << _geometry.EntryBits) + index));
        QedReferenceProblem problem = rules.CheckCluster(value);
        if (problem != QedReferenceProblem.None)
        {
            throw Damaged($"entry {index} of the L2 table at {table.Offset} is {value}: {rules.Describe(problem)}", value);
        }
    }
}
