namespace QedVd.TestKit;

/// <summary>
/// One power loss. What the open epoch changed falls into units, each of which may hold any of the contents that it had since the last
/// barrier: a sector that was written, or all sectors that one and the same punch, cut or reservation changed. The length may be any that the
/// epoch passed through.
/// </summary>
internal sealed class PowerLoss
{
    private const int MostStatesExhaustively = 1 << 16;

    private readonly SimulatedFile _file;
    private readonly SparseBytes _durable;
    private readonly int _position;
    private readonly PowerLossOptions _options;
    private readonly bool _leavesGarbage;
    private readonly List<Unit> _units = [];
    private readonly List<long> _lengths = [];

    public PowerLoss(SimulatedFile file, SparseBytes durable, int position, ReadOnlySpan<StorageOperation> epoch, PowerLossOptions options)
    {
        _file = file;
        _durable = durable.Clone();
        _position = position;
        _options = options;
        _leavesGarbage = options.LeavesGarbage ?? (file.Facts & StorageFacts.NeverWrittenReadsZero) == 0;
        Collect(epoch);
    }

    public IEnumerable<CrashState> States()
    {
        HashSet<string> seen = [];
        foreach (int[] choice in Choices())
        {
            Normalise(choice);
            if (seen.Add(string.Join(',', choice)))
            {
                yield return Build(choice);
            }
        }
    }

    // A choice holds a version for each unit, and an index into the lengths at its end.
    private IEnumerable<int[]> Choices()
    {
        double all = _units.Aggregate((double)_lengths.Count, (product, unit) => product * unit.VersionCount);
        return _units.Count <= _options.ExhaustiveUnits && all <= MostStatesExhaustively ? EveryChoice() : SampledChoices();
    }

    private IEnumerable<int[]> EveryChoice()
    {
        int[] choice = new int[_units.Count + 1];
        while (true)
        {
            yield return (int[])choice.Clone();
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
        int[] singles = _units.Count <= 64 ? [.. Enumerable.Range(0, _units.Count)] : [.. Enumerable.Range(0, 64).Select(_ => random.Next(_units.Count))];
        for (int length = _lengths.Count - 1; length >= 0; length--)
        {
            yield return Choose(length, _ => true);
            yield return Choose(length, _ => false);
            foreach (int single in singles)
            {
                yield return Choose(length, unit => unit == single);
                yield return Choose(length, unit => unit != single);
                yield return Choose(length, unit => unit < single);
                yield return Choose(length, unit => unit >= single);
            }
        }

        for (int sample = 0; sample < _options.Samples; sample++)
        {
            int[] choice = new int[_units.Count + 1];
            for (int at = 0; at < choice.Length; at++)
            {
                choice[at] = random.Next(CountAt(at));
            }

            yield return choice;
        }
    }

    private int[] Choose(int length, Func<int, bool> isNew) =>
        [.. _units.Select((unit, index) => isNew(index) ? unit.VersionCount - 1 : 0), length];

    private int CountAt(int index) => index < _units.Count ? _units[index].VersionCount : _lengths.Count;

    // What lies beyond the length that survives cannot be seen.
    private void Normalise(int[] choice)
    {
        long length = _lengths[choice[^1]];
        for (int unit = 0; unit < _units.Count; unit++)
        {
            if (_units[unit].FirstOffset >= length)
            {
                choice[unit] = 0;
            }
        }
    }

    private CrashState Build(int[] choice)
    {
        long length = _lengths[choice[^1]];
        SparseBytes content = _durable.Clone();
        content.SetLength(length);
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

        string kept = string.Join(", ", _units.Select((unit, index) => (unit, Version: choice[index])).Where(row => row.Version > 0).Take(20).Select(row => row.unit.Describe(row.Version)));
        string description = $"power lost after {_position} entries, length {length} of [{string.Join(", ", _lengths)}], kept of {_units.Count} changes: [{kept}]";
        return new CrashState(_position, CrashStates.Left(_file, content), description);
    }

    private void Collect(ReadOnlySpan<StorageOperation> epoch)
    {
        SortedDictionary<long, Unit.Sector> sectors = [];
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
                    sectors.Add(sector, new Unit.Sector(sector, ContentOf(now, sector)));
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
            .Select(group => new Unit([.. group]))
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

    private sealed class Unit(Unit.Sector[] sectors)
    {
        public int VersionCount => sectors[0].Versions.Count;

        public long FirstOffset => sectors[0].Index * SparseBytes.SectorBytes;

        public int FirstOperation => sectors[0].Versions[1].Operation!.Index;

        public void Apply(int version, SparseBytes content)
        {
            foreach (Sector sector in sectors)
            {
                long offset = sector.Index * SparseBytes.SectorBytes;
                int length = (int)Math.Clamp(content.LengthBytes - offset, 0, SparseBytes.SectorBytes);
                (StorageOperation? operation, byte[]? bytes) = sector.Versions[version];
                if (length > 0 && bytes is not null)
                {
                    if (operation!.Kind != StorageOperationKind.Write)
                    {
                        content.PunchHole(offset, length);
                    }
                    else
                    {
                        content.Write(offset, bytes.AsSpan(0, length));
                    }
                }
            }
        }

        public string Describe(int version) => $"{sectors[0].Versions[version].Operation} at sector {sectors[0].Index}{(sectors.Length > 1 ? $" and {sectors.Length - 1} more" : "")}";

        public sealed class Sector(long index, byte[]? durable)
        {
            private bool _wasWritten;

            public long Index => index;

            public List<(StorageOperation? Operation, byte[]? Bytes)> Versions { get; } = [(null, durable)];

            public bool HasChanged => Versions.Skip(1).Any(version => !IsSame(version.Bytes, durable));

            /// <summary>Equal for sectors that must go together: those that only the same operations on whole ranges have changed.</summary>
            public string GroupKey => _wasWritten ? $"sector {index}" : string.Join(',', Versions.Select(version => version.Operation?.Index));

            public void Add(StorageOperation operation, byte[]? bytes)
            {
                _wasWritten |= operation.Kind == StorageOperationKind.Write;
                Versions.Add((operation, bytes));
            }

            private static bool IsSame(byte[]? a, byte[]? b) => a is null ? b is null : b is not null && a.AsSpan().SequenceEqual(b);
        }
    }
}
