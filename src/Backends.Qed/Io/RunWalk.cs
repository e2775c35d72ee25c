using System.Runtime.CompilerServices;

namespace QedVd.Backends.Qed;

/// <summary>
/// The runs of an image that nobody writes to, from its tables as the storage has them. Where a call goes on where the one before ended, nothing is
/// read or asked twice; two buffers of 64 KiB are all that it holds. For one user at a time.
/// </summary>
internal sealed class RunWalk
{
    private const int ChunkBytes = 64 << 10;

    private readonly QedGeometry _geometry;
    private readonly int _l1Shift;
    private readonly Func<QedReferenceRules> _renewRules;
    private readonly KnownTables _knownTables;
    private readonly TableCensus _census;
    private readonly MetadataWalk _walk;
    private readonly StorageHoles _holes;
    private QedReferenceRules _rules;
    private long _next = -1;

    // L1 entries that are known to be 0.
    private int _freeStart;
    private int _freeEnd;

    // What is in memory of the table of an L1 entry: zeros, then entries.
    private int _table = -1;
    private int _zerosStart;
    private int _entriesStart;
    private int _entriesEnd;

    /// <summary>Makes a walk that has not read anything.</summary>
    /// <param name="storage">Has the tables.</param>
    /// <param name="header">Says where.</param>
    /// <param name="knownTables">Where no data can be; learns the tables that are met.</param>
    /// <param name="census">Learns all tables before the first is used.</param>
    /// <param name="renewRules">What references may be, for the file as it is when asked.</param>
    public RunWalk(IImageStorage storage, QedHeader header, KnownTables knownTables, TableCensus census, Func<QedReferenceRules> renewRules)
    {
        _geometry = header.Geometry;
        _l1Shift = _geometry.EntryBits + _geometry.ClusterBits;
        _walk = new MetadataWalk(storage, header, ChunkBytes);
        _holes = new StorageHoles(storage, rememberHoles: true);
        _knownTables = knownTables;
        _census = census;
        _renewRules = renewRules;
        _rules = renewRules();
    }

    private enum Stop
    {
        /// <summary>The end of the range, or no room for more runs.</summary>
        Done,

        /// <summary>More of the tables is needed.</summary>
        NeedsEntries,

        /// <summary>An entry that may not stand.</summary>
        Invalid,
    }

    /// <summary>Fills in runs; returns how many, 0 when the first cannot be told.</summary>
    public async ValueTask<int> FillAsync<TIo>(long offset, long lengthBytes, Memory<Extent> runs, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        if (offset != _next)
        {
            _holes.Clear();
        }

        long end = offset + lengthBytes;
        int count = 0;
        try
        {
            while (true)
            {
                Stop stop = Take(runs.Span, ref count, ref offset, end);
                if (stop != Stop.NeedsEntries || !await TryLoadAsync<TIo>(offset, cancellationToken).ConfigureAwait(false))
                {
                    _next = offset;
                    return count;
                }
            }
        }
        catch (ImageException)
        {
            Reset();
            return count;
        }
        catch
        {
            Reset();
            throw;
        }
    }

    private void Reset()
    {
        _table = -1;
        _next = -1;
    }

    /// <summary>Brings what describes an offset into memory; false when its table's place is invalid.</summary>
    private async ValueTask<bool> TryLoadAsync<TIo>(long offset, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        int l1Index = (int)(offset >> _l1Shift);
        int index = (int)((offset >> _geometry.ClusterBits) & (_geometry.EntriesPerTable - 1));
        if (l1Index != _table)
        {
            _table = -1;
            _walk.Rewind(l1Index);
            bool isThere = await _walk.NextTableAsync<TIo>(cancellationToken).ConfigureAwait(false);
            if (!isThere || _walk.L1Index != l1Index)
            {
                (_freeStart, _freeEnd) = (l1Index, isThere ? _walk.L1Index : _geometry.EntriesPerTable);
                return true;
            }

            if (!IsValid(_walk.L1Value, isTable: true))
            {
                return false;
            }

            await _census.TakeAsync<TIo>(cancellationToken).ConfigureAwait(false);
            _knownTables.Add(_walk.TableOffset);
            _table = l1Index;
            _entriesEnd = -1;
        }

        if (index != _entriesEnd)
        {
            _walk.OpenTable(_walk.TableOffset, index);
        }

        _zerosStart = index;
        _entriesStart = _entriesEnd = _geometry.EntriesPerTable;
        if (await _walk.NextEntriesAsync<TIo>(cancellationToken).ConfigureAwait(false))
        {
            _entriesStart = _walk.FirstIndex;
            _entriesEnd = _entriesStart + _walk.Entries.Length;
        }

        return true;
    }

    /// <summary>Takes what is in memory.</summary>
    private Stop Take(Span<Extent> runs, ref int count, ref long offset, long end)
    {
        while (offset < end && count < runs.Length)
        {
            int l1Index = (int)(offset >> _l1Shift);
            if (l1Index >= _freeStart && l1Index < _freeEnd)
            {
                // Not shifted when that could exceed 63 bits.
                long until = _freeEnd > (end - 1) >> _l1Shift ? end : (long)_freeEnd << _l1Shift;
                runs[count++] = new Extent(ExtentKind.Free, until - offset);
                offset = until;
                continue;
            }

            int index = (int)((offset >> _geometry.ClusterBits) & (_geometry.EntriesPerTable - 1));
            if (l1Index != _table || index < _zerosStart || index >= _entriesEnd)
            {
                return Stop.NeedsEntries;
            }

            if (index < _entriesStart)
            {
                Add(runs, ref count, ref offset, end, ExtentKind.Free, _entriesStart - index);
                continue;
            }

            if (!TryTakeEntries(runs, ref count, ref offset, end, index - _entriesStart))
            {
                return Stop.Invalid;
            }
        }

        return Stop.Done;
    }

    /// <summary>Takes entries up to the end of what is in memory; false at an invalid one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private bool TryTakeEntries(Span<Extent> runs, ref int count, ref long offset, long end, int at)
    {
        ReadOnlySpan<ulong> entries = _walk.Entries;
        ulong clusterBytes = (ulong)_geometry.ClusterBytes;
        while (at < entries.Length && count < runs.Length && offset < end)
        {
            ulong value = entries[at];
            int same;
            if (value <= QedEntry.Zero)
            {
                same = EntryRuns.Same(entries, at, value);
                Add(runs, ref count, ref offset, end, value == QedEntry.Zero ? ExtentKind.Zero : ExtentKind.Free, same);
                at += same;
                continue;
            }

            if (!IsValid(value, isTable: false))
            {
                return false;
            }

            same = at + 1 < entries.Length && unchecked(entries[at + 1] - value) == clusterBytes ? EntryRuns.Ascending(entries, at, clusterBytes) : 1;
            same = (int)Math.Min((ulong)same, _rules.RoomFrom(value) >> _geometry.ClusterBits);
            if (_knownTables.ContainsAny((long)value, same * _geometry.ClusterBytes))
            {
                same = 0;
                while (!_knownTables.ContainsCluster((long)value + (same * _geometry.ClusterBytes)))
                {
                    same++;
                }

                if (same == 0)
                {
                    return false;
                }
            }

            if (!AddData(runs, ref count, ref offset, end, (long)value, same))
            {
                break;
            }

            at += same;
        }

        return true;
    }

    /// <summary>Adds clusters of data, cut where holes of the storage begin and end; false when not all has been added.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool AddData(Span<Extent> runs, ref int count, ref long offset, long end, long place, int clusters)
    {
        long inCluster = offset & (_geometry.ClusterBytes - 1);
        long left = Math.Min((clusters * _geometry.ClusterBytes) - inCluster, end - offset);
        place += inCluster;
        while (left > 0)
        {
            if (count == runs.Length)
            {
                return false;
            }

            StorageExtent extent = _holes.At(place);
            long part = Math.Min(left, extent.LengthBytes);
            runs[count++] = new Extent(extent.IsHole ? ExtentKind.Zero : ExtentKind.Data, part, place, IsAllocated: true);
            place += part;
            offset += part;
            left -= part;
        }

        return true;
    }

    private void Add(Span<Extent> runs, ref int count, ref long offset, long end, ExtentKind kind, int clusters)
    {
        long inCluster = offset & (_geometry.ClusterBytes - 1);
        long length = Math.Min((clusters * _geometry.ClusterBytes) - inCluster, end - offset);
        runs[count++] = new Extent(kind, length);
        offset += length;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool IsValid(ulong value, bool isTable)
    {
        QedReferenceProblem problem = isTable ? _rules.CheckTable(value) : _rules.CheckCluster(value);
        if (problem == QedReferenceProblem.OutsideFile)
        {
            // Somebody else may write to the file, and it has grown.
            _rules = _renewRules();
            problem = isTable ? _rules.CheckTable(value) : _rules.CheckCluster(value);
        }

        return problem == QedReferenceProblem.None;
    }
}
