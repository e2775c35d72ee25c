using System.Runtime.InteropServices;

namespace QedVd.Backends.Qed;

/// <summary>
/// Publishes entries in memory and remembers what the storage does not have yet. The lock is held for moments, never over I/O: it makes
/// publishing an entry and taking a sector's image exclude each other, so that an image holds complete requests only.
/// </summary>
internal sealed class DirtyTables(TablePool pool, TouchedSlices touched)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<long, DirtySlice> _slices = [];
    private readonly Dictionary<int, NewTable> _newTables = [];
    private readonly Stack<DirtySlice> _spare = [];
    private HashSet<int>? _changed;
    private int _count;

    /// <summary>Slices that hold something the storage does not have.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Publishes entries of one L2 slice. The caller holds a pin of the page, has claimed the clusters, and their data is written.</summary>
    /// <param name="page">The slice's page.</param>
    /// <param name="place">The slice, and where it lies.</param>
    /// <param name="first">Index of the first entry in the slice.</param>
    /// <param name="count">How many.</param>
    /// <param name="value">The first entry.</param>
    /// <param name="increment">What each further one has more; 0 for entries that name no cluster.</param>
    /// <param name="isOrdered">Whether a barrier must lie between the data and these entries.</param>
    public void Publish(TablePage page, in SlicePlace place, int first, int count, long value, long increment, bool isOrdered)
    {
        lock (_lock)
        {
            DirtySlice slice = GetOrAdd(page, place.Key, place.StorageOffset, _newTables.GetValueOrDefault(place.L1Index));
            _changed?.Add(place.L1Index);
            for (int i = 0; i < count; i++)
            {
                page.Set(first + i, (ulong)(value + (i * increment)));
            }

            byte sectors = DirtySlice.Sectors(first, count);
            slice.Pending |= sectors;
            slice.Ordered |= isOrdered ? sectors : (byte)0;
            slice.DataEnd = Math.Max(slice.DataEnd, increment == 0 ? 0 : value + (count * increment));
        }
    }

    /// <summary>Publishes a new L2 table, which reads as zeros. The caller holds a pin of the page of L1 and has claimed the entry.</summary>
    public void PublishTable(TablePage page, long sliceOffset, NewTable table)
    {
        lock (_lock)
        {
            int index = table.L1Index & SliceKey.EntryMask;
            DirtySlice slice = GetOrAdd(page, SliceKey.ForL1(table.L1Index), sliceOffset, null);
            _newTables.Add(table.L1Index, table);
            _changed?.Add(table.L1Index);
            page.Set(index, (ulong)table.Offset);
            byte sectors = DirtySlice.Sectors(index, 1);
            slice.Pending |= sectors;
            slice.Ordered |= sectors;
        }
    }

    /// <summary>
    /// Publishes another place of an L2 table whose bytes are written there already, or that there is none any more (0). The caller holds a pin of the
    /// page of L1, and nothing of the table is dirty or being changed.
    /// </summary>
    public void PublishLink(TablePage page, long sliceOffset, int l1Index, long tableOffset)
    {
        lock (_lock)
        {
            int index = l1Index & SliceKey.EntryMask;
            DirtySlice slice = GetOrAdd(page, SliceKey.ForL1(l1Index), sliceOffset, null);
            page.Set(index, (ulong)tableOffset);
            byte sectors = DirtySlice.Sectors(index, 1);
            slice.Pending |= sectors;
            slice.Ordered |= sectors;
        }
    }

    /// <summary>Begins to note the L1 entries whose tables change; forgets what was noted.</summary>
    public void Watch()
    {
        lock (_lock)
        {
            _changed = [];
        }
    }

    /// <summary>The L1 entries whose tables were changed since <see cref="Watch"/> or the last call.</summary>
    public IReadOnlyCollection<int> TakeChanged()
    {
        lock (_lock)
        {
            HashSet<int> changed = _changed ?? [];
            _changed = [];
            return changed;
        }
    }

    /// <summary>Notes nothing any more.</summary>
    public void EndWatch()
    {
        lock (_lock)
        {
            _changed = null;
        }
    }

    /// <summary>The dirty slices in the order of the storage.</summary>
    public DirtySlice[] List()
    {
        DirtySlice[] slices;
        lock (_lock)
        {
            slices = [.. _slices.Values];
        }

        Array.Sort(slices, (a, b) => a.StorageOffset.CompareTo(b.StorageOffset));
        return slices;
    }

    /// <summary>Takes the images of all pending sectors of a slice into a commit.</summary>
    public void Take(DirtySlice slice, SectorImages images)
    {
        lock (_lock)
        {
            TakeSectors(slice, slice.Pending, images);
            if (SliceKey.IsL1(slice.Key))
            {
                foreach (NewTable table in _newTables.Values)
                {
                    if (SliceKey.ForL1(table.L1Index) == slice.Key)
                    {
                        images.Links.Add(table);
                    }
                }
            }
        }
    }

    /// <summary>Takes the images of those sectors that may be written at any time, without a barrier.</summary>
    public void TakeFree(DirtySlice slice, SectorImages images, long durableLengthBytes)
    {
        lock (_lock)
        {
            if (!SliceKey.IsL1(slice.Key) && !slice.IsUnlinked && slice.DataEnd <= durableLengthBytes)
            {
                TakeSectors(slice, (byte)(slice.Pending & ~slice.Ordered), images);
            }
        }
    }

    /// <summary>The storage may have the links from now on.</summary>
    public void MarkLinked(SectorImages images)
    {
        lock (_lock)
        {
            foreach (NewTable table in images.Links)
            {
                table.IsLinked = true;
            }
        }
    }

    /// <summary>The images are written: slices without anything new are clean, and may leave memory.</summary>
    public void Written(SectorImages images)
    {
        lock (_lock)
        {
            foreach (NewTable table in images.Links)
            {
                _newTables.Remove(table.L1Index);
            }

            foreach (DirtySlice slice in images.Slices)
            {
                slice.Taken = slice.TakenOrdered = 0;
                if (slice.Pending == 0)
                {
                    _slices.Remove(slice.Key);
                    slice.Page.Unpin();
                    _spare.Push(slice);
                    pool.AddDirty(-1);
                }
            }

            Volatile.Write(ref _count, _slices.Count);
        }
    }

    /// <summary>The images could not all be written: everything that was taken is pending again.</summary>
    public void Failed(SectorImages images)
    {
        lock (_lock)
        {
            foreach (DirtySlice slice in images.Slices)
            {
                slice.Pending |= slice.Taken;
                slice.Ordered |= slice.TakenOrdered;
                slice.Taken = slice.TakenOrdered = 0;
                slice.DataEnd = Math.Max(slice.DataEnd, images.DataEnd);
            }
        }
    }

    /// <summary>Forgets everything. The pages go back to the pool by other means.</summary>
    public void Clear()
    {
        lock (_lock)
        {
            pool.AddDirty(-_slices.Count);
            _slices.Clear();
            _newTables.Clear();
            _count = 0;
        }
    }

    private static void TakeSectors(DirtySlice slice, byte sectors, SectorImages images)
    {
        if (sectors == 0)
        {
            return;
        }

        images.Add(slice, sectors);
        slice.Taken = sectors;
        slice.TakenOrdered = (byte)(slice.Ordered & sectors);
        slice.Pending = (byte)(slice.Pending & ~sectors);
        slice.Ordered = (byte)(slice.Ordered & ~sectors);
        if (slice.Pending == 0)
        {
            slice.DataEnd = 0;
        }
    }

    private DirtySlice GetOrAdd(TablePage page, long key, long sliceOffset, NewTable? table)
    {
        ref DirtySlice? slice = ref CollectionsMarshal.GetValueRefOrAddDefault(_slices, key, out bool exists);
        if (!exists)
        {
            slice = _spare.Count > 0 ? _spare.Pop() : new DirtySlice();
            touched.Add(key, page);
            page.AddPin();
            slice.Begin(page, key, sliceOffset, table);
            pool.AddDirty(1);
            Volatile.Write(ref _count, _slices.Count);
        }

        return slice!;
    }
}
