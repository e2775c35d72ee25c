namespace QedVd.Backends.Qed;

/// <summary>
/// What a read-write opening looks at in an image that is not flagged: every L1 entry, streamed, at most 24 MiB however large the table is.
/// </summary>
internal sealed class L1Examination
{
    /// <summary>More tables than this are 8 TiB or more of nothing but tables.</summary>
    private const int MaxEntries = 1 << 21;

    private const int MaxNamedEntries = 4;

    private readonly IImageStorage _storage;
    private readonly QedHeader _header;
    private readonly QedReferenceRules _rules;
    private readonly List<ulong> _tables = [];
    private readonly List<int> _damaged = [];

    public L1Examination(IImageStorage storage, QedHeader header, long fileLengthBytes)
    {
        _storage = storage;
        _header = header;
        _rules = new QedReferenceRules(header, fileLengthBytes);
    }

    /// <summary>Looks at L1.</summary>
    /// <returns>The entries that name no place inside the file, ascending: their ranges fail, the rest of the image works.</returns>
    /// <exception cref="ImageException">Writing would change what other entries refer to: a table in the header area, in L1, in another table, or named twice.</exception>
    public async ValueTask<IReadOnlyList<int>> RunAsync<TIo>(CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        TableReader reader = new(_storage, _header.Geometry);
        await L1Stream.VisitAsync<TIo>(reader, _header, Add, onError: null, cancellationToken).ConfigureAwait(false);
        L2TableSet set = L2TableSet.Of(_tables, _header.Geometry);
        if (set.HasConflict)
        {
            List<string> named = [];
            await L1Stream.VisitAsync<TIo>(reader, _header, (index, value) => NameConflict(named, set.Conflict, index, value), onError: null, cancellationToken).ConfigureAwait(false);
            throw Refuse($"L1 entries share an L2 table, or a part of one: {string.Join(", ", named)}");
        }

        return _damaged;
    }

    private void Add(int index, ulong value)
    {
        switch (_rules.CheckTable(value))
        {
            case QedReferenceProblem.None:
                _tables.Add(value);
                break;
            case QedReferenceProblem.Unaligned or QedReferenceProblem.OutsideFile:
                _damaged.Add(index);
                break;
            case QedReferenceProblem problem:
                throw Refuse($"L1 entry {index} is {value}: {_rules.Describe(problem)}");
        }

        if (_tables.Count + _damaged.Count > MaxEntries)
        {
            throw Refuse($"L1 has more than {MaxEntries} tables");
        }
    }

    private void NameConflict(List<string> named, ulong conflict, int index, ulong value)
    {
        ulong tableBytes = (ulong)_header.Geometry.TableBytes;
        ulong distance = value > conflict ? value - conflict : conflict - value;
        if (distance < tableBytes && _rules.CheckTable(value) == QedReferenceProblem.None && named.Count < MaxNamedEntries)
        {
            named.Add($"entry {index} is {value}");
        }
    }

    private ImageException Refuse(string what) => QedRefusal.Corrupt(_storage.Name, what);
}
