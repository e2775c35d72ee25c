namespace QedVd.TestKit;

/// <summary>
/// What of an open epoch is kept or lost as one: a sector that was written, or all sectors that one and the same punch, cut or reservation changed. Version 0
/// is what was durable.
/// </summary>
internal sealed class PowerLossUnit
{
    private readonly UnitSector[] _sectors;
    private readonly bool _leavesGarbage;

    public PowerLossUnit(UnitSector[] sectors, bool leavesGarbage, Func<ReadOnlyMemory<byte>, bool>? isData)
    {
        _sectors = sectors;
        _leavesGarbage = leavesGarbage;
        VersionCount = sectors[0].Versions.Count;
        IsData = isData is not null && sectors[0].Versions.Exists(version => version.Bytes is not null && isData(version.Bytes));
    }

    public int VersionCount { get; }

    public bool IsData { get; }

    public long FirstOffset => _sectors[0].Index * SparseBytes.SectorBytes;

    public int FirstOperation => _sectors[0].Versions[1].Operation!.Index;

    /// <summary>What is added to the number of a state of this length when it has this version instead of what was durable.</summary>
    public UInt128 Difference(int version, long lengthBytes)
    {
        UInt128 sum = 0;
        foreach (UnitSector sector in _sectors)
        {
            sum = unchecked(sum + Term(sector, version, lengthBytes) - Term(sector, 0, lengthBytes));
        }

        return sum;
    }

    public void Apply(int version, SparseBytes content)
    {
        foreach (UnitSector sector in _sectors)
        {
            long offset = sector.Index * SparseBytes.SectorBytes;
            int length = (int)Math.Clamp(content.LengthBytes - offset, 0, SparseBytes.SectorBytes);
            (StorageOperation? operation, byte[]? bytes) = sector.Versions[version];
            if (bytes is null)
            {
                content.Forget(sector.Index);
            }
            else if (length > 0)
            {
                if (operation!.Kind != StorageOperationKind.Write && !bytes.AsSpan().ContainsAnyExcept((byte)0))
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

    public string Describe(int version) =>
        $"{_sectors[0].Versions[version].Operation} at sector {_sectors[0].Index}{(_sectors.Length > 1 ? $" and {_sectors.Length - 1} more" : "")}";

    private UInt128 Term(UnitSector sector, int version, long lengthBytes)
    {
        byte[]? bytes = sector.Versions[version].Bytes;
        int inside = (int)Math.Clamp(lengthBytes - (sector.Index * SparseBytes.SectorBytes), 0, SparseBytes.SectorBytes);
        return bytes is null ? 0 : StateHash.OfSector(sector.Index, bytes.AsSpan(0, inside), _leavesGarbage);
    }

    /// <summary>A sector, and what it held since the last barrier; null stands for "never written" where that is garbage.</summary>
    internal sealed class UnitSector(long index, byte[]? durable)
    {
        private bool _wasWritten;
        private long _operations;

        public long Index => index;

        public List<(StorageOperation? Operation, byte[]? Bytes)> Versions { get; } = [(null, durable)];

        public bool HasChanged => Versions.Exists(version => !IsSame(version.Bytes, durable));

        /// <summary>Equal for sectors that must go together: those that only the same operations on whole ranges have changed.</summary>
        public (long, long) GroupKey => _wasWritten ? (index, 0) : (-1, _operations);

        public void Add(StorageOperation operation, byte[]? bytes)
        {
            // A sector at the edge of a hole is written, not given back.
            long start = index * SparseBytes.SectorBytes;
            bool isWhole = operation.Offset <= start && (operation.Kind == StorageOperationKind.SetLength || operation.Offset + operation.LengthBytes >= start + SparseBytes.SectorBytes);
            bool isWrite = operation.Kind == StorageOperationKind.Write || !isWhole;
            _wasWritten |= isWrite;
            _operations = unchecked((_operations * 1_000_003) + operation.Index + 1);

            // What it held already is no further version of a sector that stands alone.
            if (!isWrite || !Versions.Exists(version => IsSame(version.Bytes, bytes)))
            {
                Versions.Add((operation, bytes));
            }
        }

        private static bool IsSame(byte[]? a, byte[]? b) => a is null ? b is null : b is not null && a.AsSpan().SequenceEqual(b);
    }
}
