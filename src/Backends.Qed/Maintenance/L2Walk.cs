namespace QedVd.Backends.Qed;

/// <summary>Goes through the entries of one L2 table after the other: marks what they refer to and counts.</summary>
internal sealed class L2Walk
{
    private readonly QedGeometry _geometry;
    private readonly QedReferenceRules _rules;
    private readonly ClusterUse _use;
    private readonly CheckTally _tally;
    private readonly ulong _clusterBytes;
    private readonly ulong _firstOffset;
    private readonly ulong _fileEnd;

    private int _l1Index;
    private long _tableOffset;

    // The last allocated entry of this table; 0 before the first.
    private ulong _previous;

    public L2Walk(QedGeometry geometry, QedReferenceRules rules, ClusterUse use, CheckTally tally)
    {
        _geometry = geometry;
        _rules = rules;
        _use = use;
        _tally = tally;
        _clusterBytes = (ulong)geometry.ClusterBytes;
        _firstOffset = rules.HeaderEnd;
        _fileEnd = rules.FileEnd;
    }

    /// <summary>Entries other than unallocated and zero, invalid ones too.</summary>
    public long AllocatedClusters { get; private set; }

    public long ZeroClusters { get; private set; }

    /// <summary>Allocated entries that do not follow the one before in the same table.</summary>
    public long FragmentedClusters { get; private set; }

    /// <summary>Where the last data cluster ends in the file.</summary>
    public long DataEnd { get; private set; }

    /// <summary>Adds what a walk through other tables has counted.</summary>
    public void AddTotals(L2Walk other)
    {
        AllocatedClusters += other.AllocatedClusters;
        ZeroClusters += other.ZeroClusters;
        FragmentedClusters += other.FragmentedClusters;
        DataEnd = Math.Max(DataEnd, other.DataEnd);
    }

    /// <summary>Begins another table.</summary>
    public void Start(int l1Index, long tableOffset)
    {
        _l1Index = l1Index;
        _tableOffset = tableOffset;
        _previous = 0;
    }

    /// <summary>Takes entries in, in the order of the table.</summary>
    public void Add(ReadOnlySpan<ulong> entries, int firstIndex)
    {
        for (int i = 0; i < entries.Length;)
        {
            ulong value = entries[i];
            if (value <= QedEntry.Zero)
            {
                int same = EntryRuns.Same(entries, i, value);
                ZeroClusters += value == QedEntry.Zero ? same : 0;
                i += same;
                continue;
            }

            int alone = AddAlone(entries[i..]);
            i += alone > 0 ? alone : AddRun(entries, i, firstIndex);
        }
    }

    /// <summary>Takes in sound entries that do not follow each other in the file, as in an image written at random; returns how many.</summary>
    private int AddAlone(ReadOnlySpan<ulong> entries)
    {
        unchecked
        {
            ulong mask = _clusterBytes - 1;
            ulong previous = _previous;
            ulong last = 0;
            int fragmented = 0;
            int i = 0;
            for (; i < entries.Length; i++)
            {
                ulong value = entries[i];
                if (value < _firstOffset || value >= _fileEnd || (value & mask) != 0
                    || (i + 1 < entries.Length && entries[i + 1] - value == _clusterBytes)
                    || !_use.TryAddCluster((long)(value >> _geometry.ClusterBits)))
                {
                    break;
                }

                fragmented += previous != 0 && previous + _clusterBytes != value ? 1 : 0;
                previous = value;
                last = Math.Max(last, value);
            }

            if (i > 0)
            {
                _previous = previous;
                AllocatedClusters += i;
                FragmentedClusters += fragmented;
                DataEnd = Math.Max(DataEnd, (long)(last + _clusterBytes));
            }

            return i;
        }
    }

    /// <summary>Takes in the run of clusters that starts at an entry, or the one invalid entry; returns the number of entries.</summary>
    private int AddRun(ReadOnlySpan<ulong> entries, int start, int firstIndex)
    {
        ulong value = entries[start];
        int count = 1;
        bool isValid = (value & (_clusterBytes - 1)) == 0 && value >= _firstOffset && value < _fileEnd;
        if (isValid)
        {
            // A run that leaves the file ends here; its rest is looked at entry by entry.
            count = EntryRuns.Ascending(entries, start, _clusterBytes);
            count = (int)Math.Min((ulong)count, (_fileEnd - value) >> _geometry.ClusterBits);
            Mark((long)(value >> _geometry.ClusterBits), count, firstIndex + start);
            DataEnd = Math.Max(DataEnd, (long)value + (count * _geometry.ClusterBytes));
        }
        else
        {
            AddCorruption(CheckFindingKind.InvalidReference, firstIndex + start, value, _rules.Describe(_rules.CheckCluster(value)));
        }

        AllocatedClusters += count;
        if (_previous != 0 && unchecked(_previous + _clusterBytes) != value)
        {
            FragmentedClusters++;
        }

        _previous = entries[start + count - 1];
        return count;
    }

    private void Mark(long cluster, int count, int index)
    {
        if (count == 1 ? _use.TryAddCluster(cluster) : _use.TryAddClusters(cluster, count))
        {
            return;
        }

        for (int i = 0; i < count; i++)
        {
            if (_use.TryAddCluster(cluster + i))
            {
                continue;
            }

            ulong value = (ulong)(cluster + i) << _geometry.ClusterBits;
            QedReferenceProblem problem = _rules.CheckCluster(value);
            if (problem != QedReferenceProblem.None)
            {
                AddCorruption(CheckFindingKind.InvalidReference, index + i, value, _rules.Describe(problem));
            }
            else if (_use.IsTable(cluster + i))
            {
                AddCorruption(CheckFindingKind.InvalidReference, index + i, value, "inside an L2 table");
            }
            else
            {
                AddCorruption(CheckFindingKind.SharedReference, index + i, value, "a cluster that another entry refers to as well");
            }
        }
    }

    private void AddCorruption(CheckFindingKind kind, int index, ulong value, string why)
    {
        if (!_tally.IsListening)
        {
            _tally.CountCorruptions(1);
            return;
        }

        _tally.AddCorruption(new CheckFinding(
            kind,
            $"L2 table at {_tableOffset} (L1 entry {_l1Index}), entry {index} is {value}: {why}",
            "L2",
            _tableOffset,
            index,
            unchecked((long)value),
            _geometry.ClusterBytes));
    }
}
