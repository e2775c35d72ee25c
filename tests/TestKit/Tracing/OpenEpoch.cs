namespace QedVd.TestKit;

/// <summary>
/// What one file has gone through since its last barrier, in pieces that a power loss keeps or loses one by one: a sector that was written, which may hold
/// any of its contents since then; all sectors that the same holes and cuts have changed; and the length.
/// </summary>
internal sealed class OpenEpoch
{
    private const int SmallBytes = 4096;

    private readonly SparseBytes _durable;
    private readonly List<Unit> _units;
    private readonly List<long> _lengths = [];

    public OpenEpoch(SparseBytes durable, IEnumerable<StorageOperation> changes)
    {
        _durable = durable;
        Now = durable.Clone();
        _lengths.Add(Now.LengthBytes);
        SortedDictionary<long, Sector> sectors = [];
        foreach (StorageOperation change in changes)
        {
            long[] touched = [.. Touched(change)];
            foreach (long sector in touched)
            {
                if (!sectors.ContainsKey(sector))
                {
                    sectors.Add(sector, new Sector(sector, ContentOf(sector)));
                }
            }

            CrashStates.Apply(change, Now);
            foreach (long sector in touched)
            {
                sectors[sector].Add(change, ContentOf(sector));
            }

            if (!_lengths.Contains(Now.LengthBytes))
            {
                _lengths.Add(Now.LengthBytes);
            }
        }

        _units = [.. sectors.Values.Where(sector => sector.HasChanged).GroupBy(sector => sector.Group).Select(group => new Unit([.. group])).OrderBy(unit => unit.First)];
    }

    /// <summary>With all changes.</summary>
    public SparseBytes Now { get; }

    /// <summary>How many pieces can be lost.</summary>
    public int Units => _units.Count;

    public bool IsEmpty => _units.Count == 0 && _lengths.Count == 1;

    /// <summary>How many different choices there are.</summary>
    public double Choices => _units.Aggregate((double)_lengths.Count, (product, unit) => product * unit.Versions);

    public int[] None => new int[_units.Count + 1];

    public int[] All => [.. _units.Select(unit => unit.Versions - 1), _lengths.IndexOf(Now.LengthBytes)];

    /// <summary>All choices; only where there are few.</summary>
    public IEnumerable<int[]> Each()
    {
        int[] choice = None;
        for (int at = 0; at < choice.Length;)
        {
            yield return [.. choice];
            for (at = 0; at < choice.Length && ++choice[at] == CountAt(at); at++)
            {
                choice[at] = 0;
            }
        }
    }

    public int[] With(Func<int, bool> isNew, int length) => [.. _units.Select((unit, index) => isNew(index) ? unit.Versions - 1 : 0), length];

    public int[] SmallOnly() => With(index => _units[index].LengthBytes < SmallBytes, _lengths.IndexOf(Now.LengthBytes));

    public int[] Draw(Random random)
    {
        // From hardly anything to nearly all, not half of it each time.
        double share = random.NextDouble();
        int[] choice = None;
        for (int at = 0; at < choice.Length; at++)
        {
            choice[at] = at == _units.Count || random.NextDouble() < share ? random.Next(CountAt(at)) : 0;
        }

        return choice;
    }

    public int DrawLength(Random random) => random.Next(3) == 0 ? random.Next(_lengths.Count) : _lengths.IndexOf(Now.LengthBytes);

    /// <summary>Not to be changed: the same object for the same content, where that is durable or the last one.</summary>
    public SparseBytes Build(int[] choice)
    {
        if (choice.AsSpan().SequenceEqual(None) || choice.AsSpan().SequenceEqual(All))
        {
            return choice.AsSpan().SequenceEqual(None) ? _durable : Now;
        }

        SparseBytes content = _durable.Clone();
        content.SetLength(_lengths[choice[^1]]);
        for (int unit = 0; unit < _units.Count; unit++)
        {
            if (choice[unit] > 0)
            {
                _units[unit].Apply(choice[unit], content);
            }
        }

        return content;
    }

    public string Describe(int[] choice)
    {
        int kept = Enumerable.Range(0, _units.Count).Count(unit => choice[unit] > 0);
        string what = string.Join(", ", Enumerable.Range(0, _units.Count).Where(unit => choice[unit] > 0 == kept <= _units.Count / 2).Take(12).Select(unit => _units[unit].Describe()));
        return $"{kept} of {_units.Count} changes, {(kept <= _units.Count / 2 ? "these" : "all but")} [{what}], length {_lengths[choice[^1]]} of [{string.Join(", ", _lengths.Take(8))}]";
    }

    private int CountAt(int index) => index < _units.Count ? _units[index].Versions : _lengths.Count;

    private IEnumerable<long> Touched(StorageOperation change)
    {
        long end = change.Offset + change.LengthBytes;
        return change.Kind switch
        {
            StorageOperationKind.SetLength => Now.WrittenSectors(change.Offset, Now.LengthBytes),
            StorageOperationKind.PunchHole => Now.WrittenSectors(change.Offset, Math.Min(end, Now.LengthBytes)),
            StorageOperationKind.Write => Sectors(change.Offset / SparseBytes.SectorBytes, (end + SparseBytes.SectorBytes - 1) / SparseBytes.SectorBytes),
            _ => [],
        };
    }

    private static IEnumerable<long> Sectors(long first, long end)
    {
        for (long sector = first; sector < end; sector++)
        {
            yield return sector;
        }
    }

    private byte[] ContentOf(long sector)
    {
        byte[] bytes = new byte[SparseBytes.SectorBytes];
        Now.Read(sector * SparseBytes.SectorBytes, bytes);
        return bytes;
    }

    private sealed class Sector(long index, byte[] durable)
    {
        private bool _wasWritten;

        public long Index => index;

        public List<(StorageOperation? Change, byte[] Bytes)> Versions { get; } = [(null, durable)];

        public bool HasChanged => Versions.Any(version => !version.Bytes.AsSpan().SequenceEqual(durable));

        public string Group => _wasWritten ? $"sector {index}" : string.Join(',', Versions.Select(version => version.Change?.Index));

        public void Add(StorageOperation change, byte[] bytes)
        {
            _wasWritten |= change.Kind == StorageOperationKind.Write;
            Versions.Add((change, bytes));
        }
    }

    private sealed class Unit(Sector[] sectors)
    {
        public int Versions => sectors[0].Versions.Count;

        public int First => sectors[0].Versions[1].Change!.Index;

        public long LengthBytes => sectors[0].Versions[^1].Change!.LengthBytes;

        public void Apply(int version, SparseBytes content)
        {
            foreach (Sector sector in sectors)
            {
                long offset = sector.Index * SparseBytes.SectorBytes;
                int length = (int)Math.Clamp(content.LengthBytes - offset, 0, SparseBytes.SectorBytes);
                if (length > 0)
                {
                    content.Write(offset, sector.Versions[version].Bytes.AsSpan(0, length));
                }
            }
        }

        public string Describe() => $"{sectors[0].Versions[^1].Change} at sector {sectors[0].Index}{(sectors.Length > 1 ? $" and {sectors.Length - 1} more" : "")}";
    }
}
