namespace QedVd.Backends.Qed;

/// <summary>
/// What a read-write opening looks at in an image that is not flagged: every L1 entry, streamed. At most 40 bytes per
/// table while it looks; what is left of that is the set of them, see <see cref="KnownTables"/>.
/// </summary>
internal sealed class L1Examination
{
    private const int MaxNamedEntries = 4;

    private readonly IImageStorage _storage;
    private readonly QedHeader _header;
    private readonly QedReferenceRules _rules;
    private List<ulong> _tables = [];
    private int _firstDamaged;

    public L1Examination(IImageStorage storage, QedHeader header, long fileLengthBytes)
    {
        _storage = storage;
        _header = header;
        _rules = new QedReferenceRules(header, fileLengthBytes);
    }

    /// <summary>Entries that name no place inside the file: their ranges fail, the rest of the image works.</summary>
    public int DamagedCount { get; private set; }

    /// <summary>The lowest place at or behind the end of the file that an entry names: the file must not grow past it.</summary>
    public long GrowthLimitBytes { get; private set; } = long.MaxValue;

    /// <summary>What to tell a person of damaged entries; null when there are none.</summary>
    public string? Warning => DamagedCount == 0
        ? null
        : $"{DamagedCount} L1 entries name no place inside the file (the first: entry {_firstDamaged}); their ranges fail{(GrowthLimitBytes == long.MaxValue ? "" : $", and the file cannot grow beyond {GrowthLimitBytes}")}. To repair: qedvd check -r all {_storage.Name}";

    /// <summary>Looks at L1; returns where all the L2 tables are.</summary>
    /// <exception cref="ImageException">Writing would change what other entries refer to: a table in the header area, in L1, in another table, or named twice.</exception>
    public async ValueTask<KnownTables> RunAsync<TIo>(CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        MetadataWalk walk = new(_storage, _header);
        await L1Stream.VisitAsync<TIo>(walk, Add, onError: null, cancellationToken).ConfigureAwait(false);
        L2TableSet set = L2TableSet.Of(_tables, _header.Geometry);
        _tables = [];
        if (set.HasConflict)
        {
            List<string> named = [];
            await L1Stream.VisitAsync<TIo>(walk, (index, value) => NameConflict(named, set.Conflict, index, value), onError: null, cancellationToken).ConfigureAwait(false);
            throw Refuse($"L1 entries share an L2 table, or a part of one: {string.Join(", ", named)}");
        }

        return KnownTables.Of(set.Offsets, _header.Geometry, cancellationToken);
    }

    private void Add(int index, ulong value)
    {
        switch (_rules.CheckTable(value))
        {
            case QedReferenceProblem.None when _tables.Count >= KnownTables.MaxTables:
                throw Refuse($"L1 has more than {KnownTables.MaxTables} tables");
            case QedReferenceProblem.None:
                _tables.Add(value);
                break;
            case QedReferenceProblem.Unaligned or QedReferenceProblem.OutsideFile:
                AddDamaged(index, value);
                break;
            case QedReferenceProblem problem:
                throw Refuse($"L1 entry {index} is {value}: {_rules.Describe(problem)}");
        }
    }

    private void AddDamaged(int index, ulong value)
    {
        _firstDamaged = DamagedCount++ == 0 ? index : _firstDamaged;
        if (_rules.CheckTable(value) == QedReferenceProblem.OutsideFile && value <= long.MaxValue)
        {
            GrowthLimitBytes = Math.Min(GrowthLimitBytes, (long)Math.Max(value, _rules.FileEnd));
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
