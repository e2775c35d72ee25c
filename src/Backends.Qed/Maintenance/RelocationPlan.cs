namespace QedVd.Backends.Qed;

/// <summary>
/// What moves where so that a file can be cut: data clusters into the holes below its new end, tables (which need a run of clusters) into windows
/// below it, out of which data is moved first. Pure: does no I/O and changes nothing. All places are cluster numbers.
/// </summary>
/// <remarks>
/// To carry it out: move every data cluster for which <see cref="MustMove"/> holds to <see cref="NextHole"/>; when the entries that name the new
/// places are durable, the <see cref="TableMoves"/>; when the links to those are durable, cut at <see cref="FinalEnd"/>. The holes and windows are free,
/// or free once the data is out, so that each prefix leaves nothing but leaks. Memory: the bitmap and the places given, one bit per cluster, and
/// 16 bytes for each table that moves.
/// </remarks>
internal sealed class RelocationPlan
{
    private readonly long _first;
    private readonly ClusterBitmap _used;
    private readonly long[] _tables;
    private readonly int _tableClusters;
    private readonly ClusterBitmap _windows;
    private readonly IEnumerator<(long First, long Count)> _holes;
    private long _nextHole;
    private long _holesEnd;

    /// <summary>Makes the plan.</summary>
    /// <param name="firstMovable">The first cluster behind the header area.</param>
    /// <param name="used">Every cluster in use at or behind <paramref name="firstMovable"/>, tables too; its count is the end as it is now. Does not change while the plan is used.</param>
    /// <param name="tables">Where the tables that may move start; ascending, none overlaps another.</param>
    /// <param name="tableClusters">Clusters per table.</param>
    public RelocationPlan(long firstMovable, ClusterBitmap used, long[] tables, int tableClusters)
    {
        _first = firstMovable;
        _used = used;
        _tables = tables;
        _tableClusters = tableClusters;

        FinalEnd = SmallestEnd(tables.Length);
        long best = SmallestEnd(keptTables: 0);
        if (best < FinalEnd)
        {
            EndAfterEvacuation = best;
            TablesInTheWay = FindTablesInTheWay(best);
        }
        else
        {
            EndAfterEvacuation = FinalEnd;
        }

        _windows = new ClusterBitmap(FinalEnd);
        TableMoves = PlaceTables();
        _holes = used.ClearRuns(firstMovable).GetEnumerator();
    }

    /// <summary>Where the file can be cut when all has moved. With the end as it is now, nothing can be gained and nothing moves.</summary>
    public long FinalEnd { get; }

    /// <summary>Tables that move, by ascending old place.</summary>
    public IReadOnlyList<TableMove> TableMoves { get; }

    /// <summary>
    /// Tables that stand so that holes remain between them: moved behind the end of the file first, and then planned anew, the end becomes
    /// <see cref="EndAfterEvacuation"/>. Empty where that gains nothing.
    /// </summary>
    public IReadOnlyList<long> TablesInTheWay { get; } = [];

    /// <inheritdoc cref="TablesInTheWay"/>
    public long EndAfterEvacuation { get; }

    /// <summary>Whether anything is gained.</summary>
    public bool HasGain => FinalEnd < _used.ClusterCount;

    /// <summary>Whether a data cluster has to move: it lies behind the final end, or where a table is to go.</summary>
    public bool MustMove(long cluster) => cluster >= FinalEnd || _windows.Contains(cluster);

    /// <summary>The next free place for a data cluster, in ascending order; -1 when there is none left, which is not before all that must move has one.</summary>
    public long NextHole()
    {
        while (true)
        {
            if (_nextHole >= _holesEnd)
            {
                if (!_holes.MoveNext())
                {
                    return -1;
                }

                _nextHole = _holes.Current.First;
                _holesEnd = Math.Min(FinalEnd, _holes.Current.First + _holes.Current.Count);
                continue;
            }

            long hole = _nextHole++;
            if (!_windows.Contains(hole))
            {
                return hole;
            }
        }
    }

    private long SmallestEnd(int keptTables)
    {
        // Whatever fits below an end fits below a later one.
        long low = _first + _used.SetCount;
        long high = _used.ClusterCount;
        while (low < high)
        {
            long middle = low + ((high - low) / 2);
            if (IsPossible(middle, keptTables))
            {
                high = middle;
            }
            else
            {
                low = middle + 1;
            }
        }

        return high;
    }

    /// <summary>Whether all fits below an end when the lowest so many tables keep their places, as far as they lie below it, and the others are out of the way.</summary>
    private bool IsPossible(long end, int keptTables)
    {
        int kept = Math.Min(keptTables, TablesBelow(end));

        // A table across the end has to move, and a copy must not touch the original: its part below is room for nothing.
        long lost = kept > 0 && _tables[kept - 1] + _tableClusters > end ? end - _tables[kept - 1] : 0;
        if (end - _first - lost < _used.SetCount)
        {
            return false;
        }

        long missing = _tables.Length - kept + (lost > 0 ? 1 : 0);
        foreach ((long first, long segmentEnd) in Segments(end, kept))
        {
            if (missing <= 0)
            {
                break;
            }

            missing -= (segmentEnd - first) / _tableClusters;
        }

        return missing <= 0;
    }

    private int TablesBelow(long end)
    {
        int index = Array.BinarySearch(_tables, end);
        return index >= 0 ? index : ~index;
    }

    /// <summary>What lies below an end between the tables that are kept.</summary>
    private IEnumerable<(long First, long End)> Segments(long end, int kept)
    {
        long at = _first;
        for (int i = 0; i < kept; i++)
        {
            if (_tables[i] > at)
            {
                yield return (at, _tables[i]);
            }

            at = _tables[i] + _tableClusters;
        }

        if (at < end)
        {
            yield return (at, end);
        }
    }

    private long[] FindTablesInTheWay(long end)
    {
        int below = TablesBelow(end);
        int low = 0;
        int high = below;
        while (low < high)
        {
            int middle = high - ((high - low) / 2);
            if (IsPossible(end, middle))
            {
                low = middle;
            }
            else
            {
                high = middle - 1;
            }
        }

        return _tables[low..below];
    }

    private TableMove[] PlaceTables()
    {
        int stay = TablesBelow(FinalEnd);
        if (stay > 0 && _tables[stay - 1] + _tableClusters > FinalEnd)
        {
            stay--;
        }

        int moving = _tables.Length - stay;
        if (moving == 0 || !HasGain)
        {
            return [];
        }

        long[] windows = ChooseFreeWindows(moving) ?? ChooseWindows(moving);
        TableMove[] moves = new TableMove[moving];
        for (int i = 0; i < moving; i++)
        {
            moves[i] = new TableMove(_tables[stay + i], windows[i]);
            _windows.TrySetRange(windows[i], _tableClusters);
        }

        return moves;
    }

    /// <summary>Windows in which there is no data; null where they are too few.</summary>
    private long[]? ChooseFreeWindows(int count)
    {
        long[] windows = new long[count];
        int found = 0;
        foreach ((long first, long length) in _used.ClearRuns(_first))
        {
            long end = Math.Min(first + length, FinalEnd);
            for (long at = first; at + _tableClusters <= end; at += _tableClusters)
            {
                windows[found++] = at;
                if (found == count)
                {
                    return windows;
                }
            }

            if (end == FinalEnd)
            {
                break;
            }
        }

        return null;
    }

    /// <summary>Windows anywhere between the tables, those with the least data in them first.</summary>
    private long[] ChooseWindows(int count)
    {
        long[] byData = new long[_tableClusters + 1];
        foreach (long window in CandidateWindows())
        {
            byData[DataIn(window)]++;
        }

        // All with less data than the limit are taken, and of those with just that as many as are missing.
        int limit = 0;
        long below = 0;
        while (below + byData[limit] < count)
        {
            below += byData[limit++];
        }

        long atLimit = count - below;
        long[] windows = new long[count];
        int found = 0;
        foreach (long window in CandidateWindows())
        {
            int data = DataIn(window);
            if (data < limit || (data == limit && atLimit-- > 0))
            {
                windows[found++] = window;
            }
        }

        return windows;
    }

    private IEnumerable<long> CandidateWindows()
    {
        foreach ((long first, long end) in Segments(FinalEnd, TablesBelow(FinalEnd)))
        {
            for (long at = first; at + _tableClusters <= end; at += _tableClusters)
            {
                yield return at;
            }
        }
    }

    private int DataIn(long window)
    {
        int data = 0;
        for (int i = 0; i < _tableClusters; i++)
        {
            data += _used.Contains(window + i) ? 1 : 0;
        }

        return data;
    }
}
