namespace QedVd.Backends.Qed;

/// <summary>Answers where the bytes of the disk are: from memory where it can, else by reading the slices that say it.</summary>
internal sealed class TableMap(QedHeader header, KnownTables tables, TableCensus census, TableCache cache)
{
    private readonly int _clusterBits = header.Geometry.ClusterBits;
    private readonly long _clusterBytes = header.Geometry.ClusterBytes;
    private readonly int _l1Shift = header.Geometry.EntryBits + header.Geometry.ClusterBits;
    private readonly int _l1Entries = header.Geometry.L1EntriesFor(header.VirtualSizeBytes);

    public TableCache Cache => cache;

    /// <summary>The run at an offset, without I/O and without a lock; false when it is not in memory, or not valid.</summary>
    public bool TryLookup(long offset, long lengthBytes, out MapRun run)
    {
        int l1Index = (int)(offset >> _l1Shift);
        if (l1Index >= _l1Entries)
        {
            // The disk has become smaller since the request was checked.
            run = default;
            return false;
        }

        TablePage? page = cache.FindL1(l1Index);
        if (page is not null && page.TryBeginRead(cache, SliceKey.ForL1(l1Index), out int sequence)
            && page.Get(l1Index & SliceKey.EntryMask) == SliceEntry.Unallocated)
        {
            run = new MapRun(ExtentKind.Free, FreeSpan(new SliceLease(page), l1Index, offset, lengthBytes));
            return page.EndRead(sequence);
        }

        // The slice of L2 is found without its L1 entry, which need not be in memory.
        long key = offset >> (_clusterBits + SliceKey.EntryBits);
        page = cache.FindL2(key);
        if (page is null || !page.TryBeginRead(cache, key, out sequence))
        {
            run = default;
            return false;
        }

        run = Scan(new SliceLease(page), offset, lengthBytes);
        return run.LengthBytes > 0 && page.EndRead(sequence);
    }

    /// <summary>The run at an offset. Fails with <see cref="ImageErrorKind.Corrupt"/> where an entry may not stand.</summary>
    public async ValueTask<MapRun> LookupAsync<TIo>(long offset, long lengthBytes, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        if (TryLookup(offset, lengthBytes, out MapRun cached))
        {
            return cached;
        }

        int l1Index = (int)(offset >> _l1Shift);
        if (l1Index >= _l1Entries)
        {
            throw new ArgumentOutOfRangeException(nameof(offset), $"{lengthBytes} bytes at {offset} are not inside the disk of {header.VirtualSizeBytes} bytes any more.");
        }

        long table;
        using (SliceLease l1 = await AcquireL1Async<TIo>(l1Index, forWriting: false, cancellationToken).ConfigureAwait(false))
        {
            ulong entry = l1.Get(l1Index & SliceKey.EntryMask);
            if (entry == SliceEntry.Unallocated)
            {
                return new MapRun(ExtentKind.Free, FreeSpan(l1, l1Index, offset, lengthBytes));
            }

            table = await OffsetOrThrowAsync<TIo>(entry, SliceKey.ForL1(l1Index), L1SliceOffset(l1Index), l1Index, cancellationToken).ConfigureAwait(false);
        }

        await census.TakeAsync<TIo>(cancellationToken).ConfigureAwait(false);
        tables.Add(table);
        long cluster = offset >> _clusterBits;
        using SliceLease l2 = await AcquireL2Async<TIo>(table, cluster, forWriting: false, cancellationToken).ConfigureAwait(false);
        MapRun run = Scan(l2, offset, lengthBytes);
        if (run.LengthBytes == 0)
        {
            throw await cache.InvalidEntryAsync<TIo>(
                SliceKey.ForCluster(cluster), L2SliceOffset(table, cluster), (int)(cluster & SliceKey.EntryMask), cancellationToken).ConfigureAwait(false);
        }

        return run;
    }

    /// <summary>The L1 entry of a table: its offset, or 0. Fails when it may not stand.</summary>
    public async ValueTask<long> LookupTableAsync<TIo>(int l1Index, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        using SliceLease l1 = await AcquireL1Async<TIo>(l1Index, forWriting: false, cancellationToken).ConfigureAwait(false);
        ulong entry = l1.Get(l1Index & SliceKey.EntryMask);
        return entry == SliceEntry.Unallocated
            ? 0
            : await OffsetOrThrowAsync<TIo>(entry, SliceKey.ForL1(l1Index), L1SliceOffset(l1Index), l1Index, cancellationToken).ConfigureAwait(false);
    }

    public ValueTask<SliceLease> AcquireL1Async<TIo>(int l1Index, bool forWriting, CancellationToken cancellationToken)
        where TIo : struct, IIoMode =>
        cache.AcquireAsync<TIo>(SliceKey.ForL1(l1Index), L1SliceOffset(l1Index), l1Index & SliceKey.EntryMask, forWriting, cancellationToken);

    public ValueTask<SliceLease> AcquireL2Async<TIo>(long table, long cluster, bool forWriting, CancellationToken cancellationToken)
        where TIo : struct, IIoMode =>
        cache.AcquireAsync<TIo>(
            SliceKey.ForCluster(cluster), L2SliceOffset(table, cluster), (int)(cluster & SliceKey.EntryMask), forWriting, cancellationToken);

    public int L1IndexOf(long offset) => (int)(offset >> _l1Shift);

    /// <summary>Where the slice of L1 that holds an entry lies in the storage.</summary>
    public long L1SliceOffset(int l1Index) => header.L1TableOffset + ((long)(l1Index >> SliceKey.EntryBits) * TablePage.SizeBytes);

    /// <summary>Where the slice of an L2 table that describes a cluster lies in the storage.</summary>
    public long L2SliceOffset(long table, long cluster)
    {
        long index = cluster & (header.Geometry.EntriesPerTable - 1);
        return table + ((index >> SliceKey.EntryBits) * TablePage.SizeBytes);
    }

    private async ValueTask<long> OffsetOrThrowAsync<TIo>(ulong entry, long key, long sliceOffset, int index, CancellationToken cancellationToken)
        where TIo : struct, IIoMode => SliceEntry.IsOffset(entry)
            ? (long)entry
            : throw await cache.InvalidEntryAsync<TIo>(key, sliceOffset, index & SliceKey.EntryMask, cancellationToken).ConfigureAwait(false);

    /// <summary>The run of L1 entries without a table, as far as this slice shows it.</summary>
    private long FreeSpan(in SliceLease l1, int l1Index, long offset, long lengthBytes)
    {
        long span = (1L << _l1Shift) - (offset & ((1L << _l1Shift) - 1));
        if (span >= lengthBytes)
        {
            return lengthBytes;
        }

        int index = (l1Index & SliceKey.EntryMask) + 1;
        for (int next = l1Index + 1; next < _l1Entries && index < l1.End && l1.Get(index) == SliceEntry.Unallocated; next++, index++)
        {
            // Not added up first: the sum may exceed 63 bits.
            if (lengthBytes - span <= 1L << _l1Shift)
            {
                return lengthBytes;
            }

            span += 1L << _l1Shift;
        }

        return span;
    }

    /// <summary>The run at an offset as far as this slice shows it; of length 0 when the first entry is invalid.</summary>
    private MapRun Scan(in SliceLease l2, long offset, long lengthBytes)
    {
        // What another thread puts into the page meanwhile is noticed by the caller, and must not fail here: unchecked.
        int index = (int)((offset >> _clusterBits) & SliceKey.EntryMask);
        long inCluster = offset & (_clusterBytes - 1);
        ulong first = l2.Get(index);
        if (first == SliceEntry.Invalid)
        {
            return default;
        }

        long length = _clusterBytes - inCluster;
        if (SliceEntry.IsOffset(first))
        {
            long start = unchecked((long)first);
            while (length < lengthBytes && ++index < l2.End && l2.Get(index) == unchecked((ulong)(start + inCluster + length)))
            {
                length += _clusterBytes;
            }

            return new MapRun(ExtentKind.Data, Math.Min(length, lengthBytes), unchecked(start + inCluster));
        }

        while (length < lengthBytes && ++index < l2.End && l2.Get(index) == first)
        {
            length += _clusterBytes;
        }

        return new MapRun(SliceEntry.KindOf(first), Math.Min(length, lengthBytes));
    }
}
