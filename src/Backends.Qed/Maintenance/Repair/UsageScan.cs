namespace QedVd.Backends.Qed;

/// <summary>Which clusters of a sound image are in use, and where its tables are: one bit per cluster, 8 bytes per table.</summary>
internal sealed class UsageScan : ITableVisitor
{
    private readonly QedGeometry _geometry;
    private readonly QedReferenceRules _rules;
    private readonly string _name;
    private readonly List<long> _tables = [];

    public UsageScan(QedHeader header, long fileLengthBytes, string name)
    {
        _geometry = header.Geometry;
        _rules = new QedReferenceRules(header, fileLengthBytes);
        _name = name;
        Used = new ClusterBitmap(fileLengthBytes >> _geometry.ClusterBits);
        AddTable(header.L1TableOffset);
    }

    public ClusterBitmap Used { get; }

    /// <summary>The end of the last cluster in use, as a cluster number.</summary>
    public long UsedEnd { get; private set; }

    /// <summary>The first clusters of all tables, L1 too, ascending.</summary>
    public long[] SortedTables()
    {
        _tables.Sort();
        return [.. _tables];
    }

    public ValueTask RunAsync<TIo>(TableScan scan, CancellationToken cancellationToken)
        where TIo : struct, IIoMode => scan.VisitL2Async<TIo>(
            (_, value) =>
            {
                Require(_rules.CheckTable(value), value);
                return true;
            },
            this,
            "looking for room",
            cancellationToken);

    void ITableVisitor.Start(int l1Index, long tableOffset) => AddTable(tableOffset);

    void ITableVisitor.Visit(ReadOnlySpan<ulong> entries, int firstIndex)
    {
        for (int i = 0; i < entries.Length; i++)
        {
            if (entries[i] <= QedEntry.Zero)
            {
                i += EntryRuns.Same(entries, i, entries[i]) - 1;
                continue;
            }

            Require(_rules.CheckCluster(entries[i]), entries[i]);
            long cluster = (long)(entries[i] >> _geometry.ClusterBits);
            Used.TrySet(cluster);
            UsedEnd = Math.Max(UsedEnd, cluster + 1);
        }
    }

    ValueTask ITableVisitor.SettleAsync<TIo>(CancellationToken cancellationToken) => default;

    void ITableVisitor.Fail(ImageException exception) => throw exception;

    void ITableVisitor.End()
    {
    }

    /// <summary>The check before has seen no such entry.</summary>
    private void Require(QedReferenceProblem problem, ulong value)
    {
        if (problem != QedReferenceProblem.None)
        {
            throw new ImageException(ImageErrorKind.Io, $"{_name}: a table entry reads {value} now ({_rules.Describe(problem)}); the check just before read something else there. Look at the device.", _name, "repair");
        }
    }

    private void AddTable(long offset)
    {
        long first = offset >> _geometry.ClusterBits;
        Used.TrySetRange(first, _geometry.TableClusters);
        UsedEnd = Math.Max(UsedEnd, first + _geometry.TableClusters);
        _tables.Add(first);
    }
}
