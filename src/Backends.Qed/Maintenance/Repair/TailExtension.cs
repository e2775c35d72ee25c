namespace QedVd.Backends.Qed;

/// <summary>
/// Looks for entries that name the last cluster of a file of which a part was cut off. What is left of it can be kept: the file is made longer,
/// to the end of that cluster.
/// </summary>
internal sealed class TailExtension : ITableVisitor
{
    private readonly QedHeader _header;
    private readonly QedGeometry _geometry;
    private readonly RepairLog _log;
    private readonly long _fileLengthBytes;
    private readonly long _tail;
    private readonly QedReferenceRules _rules;
    private readonly QedReferenceRules _extended;
    private int _l1Index;

    public TailExtension(QedHeader header, long fileLengthBytes, RepairLog log)
    {
        _header = header;
        _geometry = header.Geometry;
        _log = log;
        _fileLengthBytes = fileLengthBytes;
        _tail = _geometry.RoundDown(fileLengthBytes);
        ExtendedLengthBytes = _tail + _geometry.ClusterBytes;
        _rules = new QedReferenceRules(header, fileLengthBytes);
        _extended = new QedReferenceRules(header, ExtendedLengthBytes);
    }

    /// <summary>How long the file is to be.</summary>
    public long ExtendedLengthBytes { get; }

    /// <summary>Whether an entry names the tail.</summary>
    public bool IsNamed { get; private set; }

    public async ValueTask RunAsync<TIo>(TableScan scan, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        int inUse = _geometry.L1EntriesFor(_header.VirtualSizeBytes);
        _l1Index = -1;
        await scan.VisitL1Async<TIo>(this, cancellationToken).ConfigureAwait(false);
        await scan.VisitL2Async<TIo>(
            (index, value) => index < inUse && _rules.CheckTable(value) == QedReferenceProblem.None,
            this,
            "looking at the end of the file",
            cancellationToken).ConfigureAwait(false);
    }

    void ITableVisitor.Start(int l1Index, long tableOffset) => _l1Index = l1Index;

    void ITableVisitor.Visit(ReadOnlySpan<ulong> entries, int firstIndex)
    {
        for (int i = 0; i < entries.Length; i++)
        {
            if (_l1Index < 0)
            {
                VisitL1(firstIndex + i, entries[i]);
            }
            else if (entries[i] == (ulong)_tail)
            {
                VisitL2(firstIndex + i);
            }
        }
    }

    ValueTask ITableVisitor.SettleAsync<TIo>(CancellationToken cancellationToken) => default;

    void ITableVisitor.Fail(ImageException exception)
    {
    }

    void ITableVisitor.End()
    {
    }

    private void VisitL1(int index, ulong value)
    {
        if (value == QedEntry.Unallocated || index >= _geometry.L1EntriesFor(_header.VirtualSizeBytes)
            || _rules.CheckTable(value) != QedReferenceProblem.OutsideFile || _extended.CheckTable(value) != QedReferenceProblem.None)
        {
            return;
        }

        IsNamed = true;
        long known = (_fileLengthBytes - (long)value) / QedGeometry.EntryBytes;
        (long start, long length) = RepairText.RangeOf(_header, index);
        long lost = Math.Min(length, known << _geometry.ClusterBits);
        _log.Add(new RepairAction(
            RepairActionKind.ExtendedTail,
            $"L2 table at {value} (L1 entry {index}) was cut off at the end of the file: its first {known} entries are kept, {RepairText.Lost(start + lost, length - lost)}",
            start + lost,
            length - lost,
            IsLoss: length > lost));
    }

    private void VisitL2(int index)
    {
        (long offset, long length) = RepairText.RangeOf(_header, _l1Index, index);
        if (length == 0)
        {
            return;
        }

        IsNamed = true;
        long kept = Math.Min(length, _fileLengthBytes - _tail);
        _log.Add(new RepairAction(
            RepairActionKind.ExtendedTail,
            $"the cluster at {_tail} (L1 entry {_l1Index}, L2 entry {index}) was cut off at the end of the file: its first {kept} bytes are kept, {RepairText.Lost(offset + kept, length - kept)}",
            offset + kept,
            length - kept,
            IsLoss: length > kept));
    }
}
