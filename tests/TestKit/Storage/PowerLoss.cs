namespace QedVd.TestKit;

/// <summary>
/// One power loss. What the open epoch changed falls into units (<see cref="PowerLossUnit"/>), each of which may hold any of the contents that it had since
/// the last barrier. The length may be any that the epoch passed through. States are told apart by their number (<see cref="StateHash"/>) before any is made.
/// </summary>
internal sealed class PowerLoss
{
    private const int MostSingles = 64;

    private readonly SimulatedFile _file;
    private readonly SparseBytes _durable;
    private readonly int _position;
    private readonly PowerLossOptions _options;
    private readonly bool _leavesGarbage;
    private readonly List<PowerLossUnit> _units = [];
    private readonly List<long> _lengths = [];
    private readonly UInt128[] _bases;
    private readonly UInt128[][][] _differences;

    public PowerLoss(SimulatedFile file, SparseBytes durable, int position, ReadOnlySpan<StorageOperation> epoch, PowerLossOptions options)
    {
        _file = file;
        _durable = durable.Clone();
        _position = position;
        _options = options;
        _leavesGarbage = options.LeavesGarbage ?? (file.Facts & StorageFacts.NeverWrittenReadsZero) == 0;
        Collect(epoch);
        _bases = [.. _lengths.Select(length => StateHash.Of(_durable, length, _leavesGarbage))];
        _differences = new UInt128[_lengths.Count][][];
    }

    /// <summary>How many sectors (or holes, or cuts) can be new or old.</summary>
    public int UnitCount => _units.Count;

    /// <summary>Whether <see cref="States"/> leaves none out.</summary>
    public bool IsExhaustive =>
        _units.Count <= _options.ExhaustiveUnits && _units.Aggregate((double)_lengths.Count, (product, unit) => product * unit.VersionCount) <= _options.MostExhaustively;

    /// <summary>The states, each once; not those whose number is among <paramref name="seen"/>, to which it is added.</summary>
    public IEnumerable<CrashState> States(HashSet<UInt128>? seen = null)
    {
        seen ??= [];
        foreach (int[] choice in IsExhaustive ? EveryChoice() : SampledChoices())
        {
            UInt128 hash = HashOf(choice);
            if (seen.Add(hash))
            {
                yield return StateOf((int[])choice.Clone(), hash);
            }
        }
    }

    /// <summary>
    /// The states that tell most, the length being the last: everything new, only what the format wrote, only what the guest wrote, all but the first, all but
    /// the last, only the last, only the first. Some may be the same.
    /// </summary>
    public IEnumerable<CrashState> TellingStates()
    {
        // Of no changes there is one state.
        int last = _units.Count - 1;
        Func<int, bool>[] choices = [_ => true, unit => !_units[unit].IsData, unit => _units[unit].IsData, unit => unit > 0, unit => unit < last, unit => unit == last, unit => unit == 0];
        foreach (Func<int, bool> isNew in choices)
        {
            int[] choice = Choose(_lengths.Count - 1, isNew);
            yield return StateOf(choice, HashOf(choice));
        }
    }

    private CrashState StateOf(int[] choice, UInt128 hash) => new(_position, hash, () => Build(choice), () => Describe(choice));

    // A choice holds a version for each unit, and an index into the lengths at its end.
    private IEnumerable<int[]> EveryChoice()
    {
        int[] choice = new int[_units.Count + 1];
        while (true)
        {
            yield return choice;
            int at = 0;
            while (at < choice.Length && ++choice[at] == CountAt(at))
            {
                choice[at++] = 0;
            }

            if (at == choice.Length)
            {
                yield break;
            }
        }
    }

    private IEnumerable<int[]> SampledChoices()
    {
        var random = new Random((int)(_options.Seed ^ (_options.Seed >> 32)) ^ _position);
        int[] singles = [.. Enumerable.Range(0, _units.Count)];
        if (_units.Count > MostSingles)
        {
            random.Shuffle(singles);
            singles = singles[..MostSingles];
        }

        for (int length = _lengths.Count - 1; length >= 0; length--)
        {
            yield return Choose(length, _ => true);
            yield return Choose(length, _ => false);
            if (_options.IsData is not null)
            {
                yield return Choose(length, unit => _units[unit].IsData);
                yield return Choose(length, unit => !_units[unit].IsData);
            }

            foreach (int single in singles)
            {
                yield return Choose(length, unit => unit == single);
                yield return Choose(length, unit => unit != single);
                yield return Choose(length, unit => unit < single);
                yield return Choose(length, unit => unit >= single);
            }
        }

        int[] choice = new int[_units.Count + 1];
        for (int sample = 0; sample < _options.Samples; sample++)
        {
            for (int at = 0; at < choice.Length; at++)
            {
                choice[at] = random.Next(CountAt(at));
            }

            yield return choice;
        }
    }

    private int[] Choose(int length, Func<int, bool> isNew)
    {
        int[] choice = new int[_units.Count + 1];
        for (int unit = 0; unit < _units.Count; unit++)
        {
            choice[unit] = isNew(unit) ? _units[unit].VersionCount - 1 : 0;
        }

        choice[^1] = length;
        return choice;
    }

    private int CountAt(int index) => index < _units.Count ? _units[index].VersionCount : _lengths.Count;

    // What lies beyond the length that survives cannot be seen, and makes no difference.
    private UInt128 HashOf(int[] choice)
    {
        int length = choice[^1];
        UInt128[][] differences = _differences[length] ??=
            [.. _units.Select(unit => Enumerable.Range(0, unit.VersionCount).Select(version => version == 0 ? 0 : unit.Difference(version, _lengths[length])).ToArray())];
        UInt128 sum = _bases[length];
        for (int unit = 0; unit < differences.Length; unit++)
        {
            sum = unchecked(sum + differences[unit][choice[unit]]);
        }

        return sum;
    }

    private SimulatedFile Build(int[] choice)
    {
        SparseBytes content = _durable.Clone();
        content.SetLength(_lengths[choice[^1]]);
        for (int unit = 0; unit < _units.Count; unit++)
        {
            if (choice[unit] > 0)
            {
                _units[unit].Apply(choice[unit], content);
            }
        }

        if (_leavesGarbage)
        {
            content.LoseNeverWritten();
        }

        return new SimulatedFile(_file.Name, _file.Facts, content);
    }

    private string Describe(int[] choice)
    {
        long length = _lengths[choice[^1]];
        var rows = _units.Select((unit, index) => (Unit: unit, Version: choice[index])).Where(row => row.Unit.FirstOffset < length).ToArray();
        string kept = string.Join(", ", rows.Where(row => row.Version > 0).Take(20).Select(row => row.Unit.Describe(row.Version)));
        string lost = string.Join(", ", rows.Where(row => row.Version == 0).Take(20).Select(row => row.Unit.Describe(row.Unit.VersionCount - 1)));
        return $"power lost after {_position} entries, length {length} of [{string.Join(", ", _lengths)}], of {_units.Count} changes kept [{kept}], lost [{lost}]";
    }

    private void Collect(ReadOnlySpan<StorageOperation> epoch)
    {
        SortedDictionary<long, PowerLossUnit.UnitSector> sectors = [];
        SparseBytes now = _durable.Clone();
        _lengths.Add(now.LengthBytes);
        foreach (StorageOperation operation in epoch)
        {
            if (!operation.IsChange)
            {
                continue;
            }

            long[] touched = [.. Touched(operation, now)];
            foreach (long sector in touched)
            {
                if (!sectors.ContainsKey(sector))
                {
                    sectors.Add(sector, new PowerLossUnit.UnitSector(sector, ContentOf(now, sector)));
                }
            }

            CrashStates.Apply(operation, now);
            foreach (long sector in touched)
            {
                sectors[sector].Add(operation, ContentOf(now, sector));
            }

            if (!_lengths.Contains(now.LengthBytes))
            {
                _lengths.Add(now.LengthBytes);
            }
        }

        _units.AddRange(sectors.Values
            .Where(sector => sector.HasChanged)
            .GroupBy(sector => sector.GroupKey)
            .Select(group => new PowerLossUnit([.. group], _leavesGarbage, _options.IsData))
            .OrderBy(unit => unit.FirstOperation)
            .ThenBy(unit => unit.FirstOffset));
    }

    private IEnumerable<long> Touched(StorageOperation operation, SparseBytes now)
    {
        long start = operation.Offset;
        long end = operation.Offset + operation.LengthBytes;
        if (operation.Kind == StorageOperationKind.SetLength)
        {
            return now.WrittenSectors(start, now.LengthBytes);
        }

        if (operation.Kind == StorageOperationKind.PunchHole && !_leavesGarbage)
        {
            return now.WrittenSectors(start, Math.Min(end, now.LengthBytes));
        }

        // A reservation concerns what was never written; in that only its zeros can be lost, and only where garbage takes their place.
        if (operation.Kind == StorageOperationKind.Allocate && !_leavesGarbage)
        {
            return [];
        }

        return Range(start / SparseBytes.SectorBytes, (end + SparseBytes.SectorBytes - 1) / SparseBytes.SectorBytes);
    }

    private static IEnumerable<long> Range(long first, long end)
    {
        for (long sector = first; sector < end; sector++)
        {
            yield return sector;
        }
    }

    // With garbage, "never written" is a content of its own: null.
    private byte[]? ContentOf(SparseBytes content, long sector)
    {
        if (_leavesGarbage && !content.IsWritten(sector))
        {
            return null;
        }

        byte[] bytes = new byte[SparseBytes.SectorBytes];
        content.Read(sector * SparseBytes.SectorBytes, bytes);
        return bytes;
    }
}
