namespace QedVd.Backends.Qed;

/// <summary>
/// What lies below an end of the file, as the tables in the storage have it. Everything that was handed out since that end was fixed lies behind it and
/// is left aside, so that guests may go on meanwhile. One bit per cluster, 16 bytes per table.
/// </summary>
internal sealed class CompactionScan
{
    private readonly IImageStorage _storage;
    private readonly QedHeader _header;
    private readonly ClusterAllocator _allocator;
    private readonly TouchedSlices _touched;
    private readonly List<TablePlace> _tables = [];

    public CompactionScan(IImageStorage storage, QedHeader header, ClusterAllocator allocator, TouchedSlices touched, long endBytes)
    {
        _storage = storage;
        _header = header;
        _allocator = allocator;
        _touched = touched;
        EndBytes = endBytes;
        Used = new ClusterBitmap(endBytes >> header.Geometry.ClusterBits);
    }

    /// <summary>The end.</summary>
    public long EndBytes { get; }

    /// <summary>Each cluster behind the header area that something refers to.</summary>
    public ClusterBitmap Used { get; }

    /// <summary>The first cluster behind the header.</summary>
    public long FirstCluster => Math.Max(1, _header.HeaderClusters);

    /// <summary>Clusters per table.</summary>
    public int TableClusters => _header.Geometry.TableClusters;

    /// <summary>The L2 tables, in the order of the disk.</summary>
    public IReadOnlyList<TablePlace> Tables => _tables;

    /// <summary>Where the last cluster ends that is in use.</summary>
    public long UsedEndBytes
    {
        get
        {
            long end = Used.ClusterCount;
            foreach ((long first, long count) in Used.ClearRuns(FirstCluster))
            {
                end = first + count == Used.ClusterCount ? first : end;
            }

            return Math.Max(end << _header.Geometry.ClusterBits, _header.L1TableEnd);
        }
    }

    /// <exception cref="ImageException">A table cannot be read, or the image is damaged: then nothing may be moved.</exception>
    public async ValueTask RunAsync(CancellationToken cancellationToken)
    {
        Used.TrySetRange(_header.L1TableOffset >> _header.Geometry.ClusterBits, _header.Geometry.TableClusters);
        TableReader reader = new(_storage, _header.Geometry);
        while (await reader.NextAsync<AsyncIo>(_header.L1TableOffset, cancellationToken).ConfigureAwait(false))
        {
            AddTables(reader);
        }

        foreach (TablePlace table in _tables)
        {
            reader.Rewind();
            while (await reader.NextAsync<AsyncIo>(table.Offset, cancellationToken).ConfigureAwait(false))
            {
                AddClusters(reader, table);
            }
        }
    }

    /// <summary>Where the tables start, ascending, as numbers of clusters.</summary>
    public long[] SortedTables()
    {
        long[] tables = [.. _tables.Select(table => table.Offset >> _header.Geometry.ClusterBits)];
        Array.Sort(tables);
        return tables;
    }

    /// <summary>The runs of clusters that are in use, in order.</summary>
    public IEnumerable<(long First, long Count)> UsedRuns()
    {
        long at = FirstCluster;
        foreach ((long first, long count) in Used.ClearRuns(at))
        {
            if (first > at)
            {
                yield return (at, first - at);
            }

            at = first + count;
        }

        if (at < Used.ClusterCount)
        {
            yield return (at, Used.ClusterCount - at);
        }
    }

    private void AddTables(TableReader reader)
    {
        int l1Entries = _header.Geometry.L1EntriesFor(_header.VirtualSizeBytes);
        ReadOnlySpan<ulong> entries = reader.Entries;
        for (int i = 0; i < entries.Length; i++)
        {
            ulong value = entries[i];
            if (value == QedEntry.Unallocated)
            {
                continue;
            }

            int index = reader.FirstIndex + i;
            QedReferenceRules rules = RulesFor(SliceKey.ForL1(index));
            QedReferenceProblem problem = rules.CheckTable(value);
            if (problem != QedReferenceProblem.None)
            {
                throw Damaged($"L1 entry {index} is {value}: {rules.Describe(problem)}", value);
            }

            if (index >= l1Entries)
            {
                throw Damaged($"L1 entry {index} names a table at {value}, and the disk ends before it", value);
            }

            if (value >= (ulong)EndBytes)
            {
                continue;
            }

            _tables.Add(new TablePlace(index, (long)value));
            if (!Used.TrySetRange((long)value >> _header.Geometry.ClusterBits, _header.Geometry.TableClusters))
            {
                throw Damaged($"L1 entry {index} names a table at {value}, where another table is", value);
            }
        }
    }

    private void AddClusters(TableReader reader, TablePlace table)
    {
        ReadOnlySpan<ulong> entries = reader.Entries;
        ulong end = (ulong)EndBytes;
        ulong mask = (ulong)_header.Geometry.ClusterBytes - 1;
        ulong headerEnd = (ulong)_header.HeaderAreaBytes;
        for (int i = 0; i < entries.Length; i++)
        {
            ulong value = entries[i];
            if (value <= QedEntry.Zero)
            {
                i += EntryRuns.Same(entries, i, value) - 1;
                continue;
            }

            if (value < end && (value & mask) == 0 && value >= headerEnd)
            {
                if (!Used.TrySet((long)value >> _header.Geometry.ClusterBits))
                {
                    throw Damaged($"entry {reader.FirstIndex + i} of the L2 table at {table.Offset} names the cluster at {value}, to which something else refers as well", value);
                }
            }
            else
            {
                CheckBehind(value, reader.FirstIndex + i, table);
            }
        }
    }

    /// <summary>An entry that names no place below the end.</summary>
    private void CheckBehind(ulong value, int index, TablePlace table)
    {
        long cluster = ((long)table.L1Index << _header.Geometry.EntryBits) + index;
        QedReferenceRules rules = RulesFor(SliceKey.ForCluster(cluster));
        QedReferenceProblem problem = rules.CheckCluster(value);
        if (problem != QedReferenceProblem.None)
        {
            throw Damaged($"entry {index} of the L2 table at {table.Offset} is {value}: {rules.Describe(problem)}", value);
        }
    }

    /// <summary>As for a slice that is loaded: only what this session has changed may name what the file had not when it was opened.</summary>
    private QedReferenceRules RulesFor(long key) => new(_header, _touched.MayContain(key) ? _allocator.AllocatedEnd : _allocator.OpenedEnd);

    private ImageException Damaged(string what, ulong value) => new(
        ImageErrorKind.Corrupt,
        $"{_storage.Name}: not compacted, because the image is damaged: {what}. To repair: qedvd check -r all {_storage.Name}",
        _storage.Name,
        "compact",
        unchecked((long)value));
}
