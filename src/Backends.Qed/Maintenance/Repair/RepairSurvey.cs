namespace QedVd.Backends.Qed;

/// <summary>
/// Reads all tables and decides which of them stay, which are copied to a new place and which L1 entries go. Changes nothing. Memory: four bits per
/// cluster, three per L1 entry.
/// </summary>
/// <remarks>
/// A table stays when it shares no cluster with a table before it and no data entry names one of its clusters. Every other one is copied to a new
/// place and changed there: what is in the old place may be another reader's data and is never written to.
/// </remarks>
internal sealed class RepairSurvey : ITableVisitor
{
    private readonly QedHeader _header;
    private readonly QedGeometry _geometry;
    private readonly QedReferenceRules _rules;
    private readonly ClusterSupply _supply;
    private readonly int _usedL1Entries;

    private readonly ClusterBitmap _tables;
    private readonly ClusterBitmap _contested;
    private readonly ClusterBitmap _doubtful;
    private readonly ClusterBitmap _referenced;
    private readonly ClusterBitmap _moved;
    private readonly ClusterBitmap _unreadable;
    private readonly ClusterBitmap _dropped;
    private long _newClusters;
    private int _l1Index;

    public RepairSurvey(QedHeader header, long fileLengthBytes, ClusterSupply supply)
    {
        _header = header;
        _geometry = header.Geometry;
        _rules = new QedReferenceRules(header, fileLengthBytes);
        _supply = supply;
        _usedL1Entries = _geometry.L1EntriesFor(header.VirtualSizeBytes);
        long clusters = fileLengthBytes >> _geometry.ClusterBits;
        _tables = new ClusterBitmap(clusters);
        _contested = new ClusterBitmap(clusters);
        _doubtful = new ClusterBitmap(clusters);
        _referenced = new ClusterBitmap(clusters);
        _moved = new ClusterBitmap(_geometry.EntriesPerTable);
        _unreadable = new ClusterBitmap(_geometry.EntriesPerTable);
        _dropped = new ClusterBitmap(_geometry.EntriesPerTable);
    }

    /// <summary>Whether L1 could be read.</summary>
    public bool IsL1Readable { get; private set; } = true;

    /// <summary>
    /// Whether all tables could be read. While one could not, the file may not grow: an entry in it may name a place behind the end, and would come to lead to the data
    /// of another; and no table is changed: an entry in that one may say that it is data.
    /// </summary>
    public bool HasReadAll => _unreadable.SetCount == 0;

    /// <summary>Clusters that copies will need.</summary>
    public long NewClusters => HasReadAll ? _newClusters : 0;

    /// <summary>Whether an L1 entry describes a part of the disk.</summary>
    public bool IsInUse(int l1Index) => l1Index < _usedL1Entries;

    /// <summary>Whether an L1 entry names a place where a table can be.</summary>
    public bool IsValid(ulong value) => _rules.CheckTable(value) == QedReferenceProblem.None;

    /// <summary>Whether an L1 entry that may name a table, but describes no part of the disk, stands in the way of what does.</summary>
    public bool IsDropped(int l1Index) => _dropped.Contains(l1Index);

    /// <summary>Whether the table of an L1 entry is copied to a new place.</summary>
    public bool IsMoved(int l1Index) => HasReadAll && _moved.Contains(l1Index);

    /// <summary>Whether the table of an L1 entry is left as it is: it cannot be read in whole, or would have to be copied and cannot be.</summary>
    public bool IsLeftAlone(int l1Index) => !HasReadAll && (_unreadable.Contains(l1Index) || _moved.Contains(l1Index));

    /// <summary>Whether data entries name a cluster of a table that describes a part of the disk: one of the two was overwritten.</summary>
    public bool IsDoubtful(long cluster) => _doubtful.Contains(cluster);

    public async ValueTask RunAsync<TIo>(TableScan scan, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        await VisitL1Async<TIo>(scan, AddTable, cancellationToken).ConfigureAwait(false);
        if (!IsL1Readable)
        {
            return;
        }

        await scan.VisitL2Async<TIo>((index, value) => IsInUse(index) && IsValid(value), this, "looking for what shares clusters", cancellationToken).ConfigureAwait(false);
        await VisitL1Async<TIo>(scan, Settle, cancellationToken).ConfigureAwait(false);
    }

    void ITableVisitor.Start(int l1Index, long tableOffset) => _l1Index = l1Index;

    void ITableVisitor.Visit(ReadOnlySpan<ulong> entries, int firstIndex)
    {
        // Of the last table only the part that describes the disk.
        long inUse = _geometry.ClustersFor(_header.VirtualSizeBytes) - (((long)_l1Index << _geometry.EntryBits) + firstIndex);
        int count = (int)Math.Clamp(inUse, 0, entries.Length);
        for (int i = 0; i < count; i++)
        {
            ulong value = entries[i];
            if (value <= QedEntry.Zero)
            {
                i += EntryRuns.Same(entries, i, value) - 1;
                continue;
            }

            QedReferenceProblem problem = _rules.CheckCluster(value);
            if (problem == QedReferenceProblem.OutsideFile)
            {
                _supply.Avoid(value);
            }
            else if (problem == QedReferenceProblem.None)
            {
                long cluster = (long)(value >> _geometry.ClusterBits);
                if (!_referenced.TrySet(cluster))
                {
                    _newClusters++;
                }

                if (_tables.Contains(cluster))
                {
                    _contested.TrySet(cluster);
                }
            }
        }
    }

    ValueTask ITableVisitor.SettleAsync<TIo>(CancellationToken cancellationToken) => default;

    void ITableVisitor.Fail(ImageException exception) => _unreadable.TrySet(_l1Index);

    void ITableVisitor.End()
    {
    }

    private static async ValueTask VisitL1Async<TIo>(TableScan scan, Action<int, ulong> visit, Action onError, CancellationToken cancellationToken)
        where TIo : struct, IIoMode => await scan.VisitL1Async<TIo>(new L1Visitor(visit, onError), cancellationToken).ConfigureAwait(false);

    private ValueTask VisitL1Async<TIo>(TableScan scan, Action<int, ulong> visit, CancellationToken cancellationToken)
        where TIo : struct, IIoMode => VisitL1Async<TIo>(scan, visit, () => IsL1Readable = false, cancellationToken);

    private void AddTable(int index, ulong value)
    {
        if (!IsValid(value))
        {
            return;
        }

        long first = (long)(value >> _geometry.ClusterBits);
        if (_tables.TrySetRange(first, _geometry.TableClusters))
        {
            return;
        }

        if (!IsInUse(index))
        {
            _dropped.TrySet(index);
            return;
        }

        _moved.TrySet(index);
        for (int i = 0; i < _geometry.TableClusters; i++)
        {
            _tables.TrySet(first + i);
        }
    }

    private void Settle(int index, ulong value)
    {
        if (!IsValid(value) || IsDropped(index))
        {
            return;
        }

        long first = (long)(value >> _geometry.ClusterBits);
        bool isContested = false;
        for (int i = 0; i < _geometry.TableClusters; i++)
        {
            if (_contested.Contains(first + i))
            {
                isContested = true;
                _ = IsInUse(index) && _doubtful.TrySet(first + i);
            }
        }

        if (isContested)
        {
            (IsInUse(index) ? _moved : _dropped).TrySet(index);
        }

        if (IsMoved(index))
        {
            _newClusters += _geometry.TableClusters;
        }
    }

    private sealed class L1Visitor(Action<int, ulong> visit, Action onError) : ITableVisitor
    {
        public void Start(int l1Index, long tableOffset)
        {
        }

        public void Visit(ReadOnlySpan<ulong> entries, int firstIndex)
        {
            for (int i = 0; i < entries.Length; i++)
            {
                if (entries[i] != QedEntry.Unallocated)
                {
                    visit(firstIndex + i, entries[i]);
                }
            }
        }

        public ValueTask SettleAsync<TIo>(CancellationToken cancellationToken)
            where TIo : struct, IIoMode => default;

        public void Fail(ImageException exception) => onError();

        public void End()
        {
        }
    }
}
