namespace QedVd.TestKit;

/// <summary>
/// What each sector, the size and the parent's name have been and become, each change with the places in the trace where it was begun, acknowledged and
/// made durable; so what each may be after a crash at any place (invariants I2, I3, I10, I11).
/// </summary>
internal sealed class GuestHistory(ParentLevels parents, long initialSizeBytes)
{
    private const int BeforeAll = -1;

    private readonly Dictionary<long, List<Change<ulong>>> _sectors = [];
    private readonly Dictionary<long, byte[]> _contents = [];

    public List<Change<long>> Sizes { get; } = [Settled(initialSizeBytes)];

    public List<Change<string>> Parents { get; } = [];

    public List<(int Begun, int Completed)> Flushes { get; } = [];

    public IReadOnlyCollection<long> Sectors => _sectors.Keys;

    public ParentLevels Beneath => parents;

    /// <summary>What a sector holds now. The caller does not change it.</summary>
    public byte[] ContentOf(long sector)
    {
        if (_contents.TryGetValue(sector, out byte[]? content))
        {
            return content;
        }

        content = new byte[SparseBytes.SectorBytes];
        if (sector * SparseBytes.SectorBytes < initialSizeBytes)
        {
            parents.Read(sector * SparseBytes.SectorBytes, content);
        }

        return content;
    }

    /// <summary>What a sector reads that nobody has touched.</summary>
    public ulong UntouchedValue(long sector) => sector * SparseBytes.SectorBytes < initialSizeBytes ? parents.ValueOf(sector) : SectorValue.Zero;

    /// <summary>Notes that a change of a sector begins.</summary>
    public Change<ulong> Begin(long sector, byte[] content, int position)
    {
        if (!_sectors.TryGetValue(sector, out List<Change<ulong>>? changes))
        {
            changes = [Settled(UntouchedValue(sector))];
            _sectors.Add(sector, changes);
        }

        _contents[sector] = content;
        Change<ulong> change = new(SectorValue.Of(content), position);
        changes.Add(change);
        return change;
    }

    /// <summary>From the start, a sector holds what another one does.</summary>
    public void StartsAs(long sector, long other)
    {
        byte[] content = ContentOf(other);
        _contents[sector] = content;
        _sectors[sector] = [Settled(SectorValue.Of(content))];
    }

    /// <summary>The sectors' last values, durable from the start: the history of what is recorded next.</summary>
    public GuestHistory Continue(long sizeBytes)
    {
        GuestHistory next = new(parents, initialSizeBytes);
        next.Sizes[0] = Settled(sizeBytes);
        next.Parents.AddRange(Parents.TakeLast(1).Select(name => Settled(name.Value)));
        foreach ((long sector, byte[] content) in _contents)
        {
            next._contents.Add(sector, content);
            next._sectors.Add(sector, [Settled(SectorValue.Of(content))]);
        }

        return next;
    }

    /// <summary>The history of what starts with an image that reads so: nothing of it may change any more.</summary>
    public GuestHistory Fixed(IReadOnlyDictionary<long, ulong> values, long sizeBytes, string? parent)
    {
        GuestHistory next = new(parents, initialSizeBytes);
        next.Sizes[0] = Settled(sizeBytes);
        if (parent is not null)
        {
            next.Parents.Add(Settled(parent));
        }

        foreach (long sector in _sectors.Keys)
        {
            next._sectors.Add(sector, [Settled(values.GetValueOrDefault(sector))]);
        }

        return next;
    }

    /// <summary>The values that a touched sector may have after a crash at a place.</summary>
    public ulong[] Possible(long sector, int position) => [.. Possible(_sectors[sector], position).Distinct()];

    /// <summary>What was begun turned out to change nothing.</summary>
    public void Withdraw(long sector, Change<ulong> change, byte[] content)
    {
        _sectors[sector].Remove(change);
        _contents[sector] = content;
    }

    /// <summary>What of a row of changes may be found after a crash: those that had begun and that no durable one has replaced.</summary>
    public IEnumerable<T> Possible<T>(List<Change<T>> changes, int position)
    {
        foreach (Change<T> change in changes)
        {
            if (change.Begun < position && !changes.Exists(later => later.Begun >= change.Acknowledged && later != change && IsDurable(later, position)))
            {
                yield return change.Value;
            }
        }
    }

    /// <summary>A value from before the recording.</summary>
    public static Change<T> Settled<T>(T value) => new(value, BeforeAll) { Acknowledged = BeforeAll, Durable = BeforeAll };

    private bool IsDurable<T>(Change<T> change, int position) =>
        change.Durable < position || Flushes.Exists(flush => flush.Completed < position && change.Acknowledged < flush.Begun);

    /// <summary>A value, and where in the trace it was begun, acknowledged, and durable by itself.</summary>
    internal sealed class Change<T>(T value, int begun)
    {
        public T Value => value;

        public int Begun => begun;

        public int Acknowledged { get; set; } = int.MaxValue;

        public int Durable { get; set; } = int.MaxValue;
    }
}
