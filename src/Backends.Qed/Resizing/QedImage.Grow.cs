namespace QedVd.Backends.Qed;

/// <content>Growing: what would show in the new part is settled first, then one sector makes the disk larger.</content>
internal sealed partial class QedImage
{
    private async ValueTask GrowAsync(long sizeBytes, QedGeometry geometry, ResizeProgress progress, CancellationToken cancellationToken)
    {
        await CheckLastClusterAsync(cancellationToken).ConfigureAwait(false);
        await PrepareToAllocateAsync<AsyncIo>(cancellationToken).ConfigureAwait(false);
        await _allocator.SettleAsync<AsyncIo>(cancellationToken).ConfigureAwait(false);
        TablesToBe tables = new(_storage, _allocator, _writer, _touched, NewPart.Of(geometry, _virtualSizeBytes, sizeBytes, _beneath.Value), progress);
        bool isInPlace = geometry == Header.Geometry;
        try
        {
            if (isInPlace)
            {
                await GrowInPlaceAsync(sizeBytes, tables, cancellationToken).ConfigureAwait(false);
            }
            else
            {
                await GrowByRelocationAsync(sizeBytes, geometry, tables, progress, cancellationToken).ConfigureAwait(false);
            }
        }
        catch
        {
            await UndoAsync(tables, isInPlace).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>After a failure: the tables that were made are room again. What is linked behind the end of the disk is unlinked first, or stays.</summary>
    private async ValueTask UndoAsync(TablesToBe tables, bool isInPlace)
    {
        if (tables.IsKept)
        {
            return;
        }

        try
        {
            // The storage may have the new header, which a write that failed has left: the markers stay until the old one is there for certain.
            await _writer.CommitAsync<AsyncIo>(CancellationToken.None).ConfigureAwait(false);
            if (isInPlace && tables.Part.MarkEndTable > tables.Part.FirstTable)
            {
                int direct = FirstDirectTable(tables.Part);
                await ClearLinksAsync(tables.Part.FirstTable, direct, CancellationToken.None).ConfigureAwait(false);
                await tables.Entries.SetAsync(Header.L1TableOffset, direct, tables.Part.EndTable, QedEntry.Unallocated, CancellationToken.None).ConfigureAwait(false);
            }

            await _writer.CommitAsync<AsyncIo>(CancellationToken.None).ConfigureAwait(false);
            await HoldAsync<AsyncIo>(WriteHold.OfEverything(), CancellationToken.None).ConfigureAwait(false);
            try
            {
                tables.GiveBack(Header.Geometry);
            }
            finally
            {
                EndHold();
            }
        }
        catch (ImageException)
        {
            // Not used in this session; a check finds it.
        }
    }

    /// <summary>New L1 entries below this share a slice with old ones, which may be in the cache; that must not fall behind the storage.</summary>
    private static int FirstDirectTable(in NewPart part) => Math.Min(part.EndTable, (part.FirstTable + SliceKey.EntryMask) & ~SliceKey.EntryMask);

    /// <summary>
    /// A free last cluster that ends behind the disk's end would show, in the new part, what lies beneath; and the image cannot read that to copy the
    /// rest. A cluster that is allocated stays so.
    /// </summary>
    private async ValueTask CheckLastClusterAsync(CancellationToken cancellationToken)
    {
        long end = _virtualSizeBytes;
        if ((end & (_clusterBytes - 1)) == 0)
        {
            return;
        }

        MapRun last = await _map.LookupAsync<AsyncIo>(end - 1, 1, cancellationToken).ConfigureAwait(false);
        if (last.Kind == ExtentKind.Free && _beneath.Value.MayHoldDataAt(end))
        {
            throw new ImageException(
                ImageErrorKind.InvalidArgument,
                $"{Name}: not resized: the disk ends at {end}, inside the cluster at {_header.Geometry.RoundDown(end)}, which is free, and what lies beneath may be longer: its bytes would show behind {end}. Write that whole cluster first (its bytes through the chain, then zeros).",
                Name,
                ResizeOperation,
                end);
        }
    }

    private async ValueTask GrowInPlaceAsync(long sizeBytes, TablesToBe tables, CancellationToken cancellationToken)
    {
        QedHeader header = Header;
        NewPart part = tables.Part;
        await tables.TakeRoomInL1Async(header, cancellationToken).ConfigureAwait(false);
        if (part.SharesTable(header.Geometry))
        {
            await SettleSharedTableAsync(tables, cancellationToken).ConfigureAwait(false);
        }

        int direct = FirstDirectTable(part);
        await tables.MakeMarkersAsync(header, direct, PublishLinksAsync, cancellationToken).ConfigureAwait(false);
        tables.Named += await ClearLinksAsync(Math.Max(part.FirstTable, Math.Min(part.MarkEndTable, direct)), direct, cancellationToken).ConfigureAwait(false);
        tables.Named += await tables.Entries.SetAsync(
            header.L1TableOffset, Math.Max(direct, part.MarkEndTable), part.EndTable, QedEntry.Unallocated, cancellationToken).ConfigureAwait(false);

        cancellationToken.ThrowIfCancellationRequested();
        await HoldAsync<AsyncIo>(WriteHold.OfEverything(), cancellationToken).ConfigureAwait(false);
        try
        {
            await ZeroSlackAsync(_virtualSizeBytes).ConfigureAwait(false);
            _touched.MendFrom(part.FirstCluster, part.FirstTable);
            await SwitchSizeAsync(now => now with { VirtualSizeBytes = sizeBytes }, _knownTables, () => tables.Keep(_knownTables)).ConfigureAwait(false);
        }
        finally
        {
            EndHold();
        }

        NoteLeaks(tables.Named);
    }

    /// <summary>Settles the new part of the table that describes the old end as well.</summary>
    private async ValueTask SettleSharedTableAsync(TablesToBe tables, CancellationToken cancellationToken)
    {
        QedGeometry geometry = Header.Geometry;
        NewPart part = tables.Part;
        int l1Index = (int)(part.FirstCluster >> geometry.EntryBits);
        long tableStart = (long)l1Index << geometry.EntryBits;
        long end = Math.Min(tableStart + geometry.EntriesPerTable, part.EndCluster);
        bool needsMarkers = part.MarkEnd > part.FirstCluster;
        long table = needsMarkers
            ? await EnsureTableAsync<AsyncIo>(l1Index, cancellationToken).ConfigureAwait(false)
            : await _map.LookupTableAsync<AsyncIo>(l1Index, cancellationToken).ConfigureAwait(false);
        if (table == 0)
        {
            // Should a writer make it meanwhile, it is all zeros.
            return;
        }

        // The slice with old entries is in the cache.
        long direct = Math.Min(end, (part.FirstCluster + SliceKey.EntryMask) & ~(long)SliceKey.EntryMask);
        long markEnd = Math.Min(end, part.MarkEnd);
        for (long cluster = part.FirstCluster; cluster < direct; cluster++)
        {
            tables.Named += await PublishEntryAsync(table, l1Index, cluster, cluster < markEnd ? SliceEntry.Zero : SliceEntry.Unallocated, cancellationToken).ConfigureAwait(false);
        }

        long directMarkEnd = Math.Max(direct, markEnd);
        tables.Named += await tables.Entries.SetAsync(table, direct - tableStart, directMarkEnd - tableStart, QedEntry.Zero, cancellationToken).ConfigureAwait(false);
        tables.Named += await tables.Entries.SetAsync(table, directMarkEnd - tableStart, end - tableStart, QedEntry.Unallocated, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Gives a cluster that nobody can ask for 0 or 1; returns 1 when its entry named a place, else 0.</summary>
    private async ValueTask<int> PublishEntryAsync(long table, int l1Index, long cluster, ulong value, CancellationToken cancellationToken)
    {
        using SliceLease slice = await _map.AcquireL2Async<AsyncIo>(table, cluster, forWriting: true, cancellationToken).ConfigureAwait(false);
        int index = (int)(cluster & SliceKey.EntryMask);
        ulong entry = slice.Get(index);
        if (entry != value)
        {
            _dirty.Publish(slice.Page!, new SlicePlace(SliceKey.ForCluster(cluster), _map.L2SliceOffset(table, cluster), l1Index), index, 1, (long)value, 0, isOrdered: false);
            _timer.Arm(isFree: false);
        }

        return entry > SliceEntry.Zero ? 1 : 0;
    }

    /// <summary>Links tables from the slice of L1 that is in the cache.</summary>
    private async ValueTask PublishLinksAsync(int first, int count, long tableOffset, CancellationToken cancellationToken)
    {
        using SliceLease l1 = await _map.AcquireL1Async<AsyncIo>(first, forWriting: true, cancellationToken).ConfigureAwait(false);
        for (int i = 0; i < count; i++)
        {
            _dirty.PublishLink(l1.Page!, _map.L1SliceOffset(first), first + i, tableOffset + (i * _header.Geometry.TableBytes));
        }

        _timer.Arm(isFree: false);
    }

    /// <summary>Unlinks tables from a slice of L1 that is in the cache, or may be; returns how many were linked.</summary>
    private async ValueTask<int> ClearLinksAsync(int first, int end, CancellationToken cancellationToken)
    {
        int named = 0;
        if (first < end)
        {
            using SliceLease l1 = await _map.AcquireL1Async<AsyncIo>(first, forWriting: true, cancellationToken).ConfigureAwait(false);
            for (int index = first; index < end; index++)
            {
                if (l1.Get(index & SliceKey.EntryMask) != SliceEntry.Unallocated)
                {
                    named++;
                    _dirty.PublishLink(l1.Page!, _map.L1SliceOffset(index), index, 0);
                    _timer.Arm(isFree: false);
                }
            }
        }

        return named;
    }

    private void NoteLeaks(long named)
    {
        if (named > 0)
        {
            RenewWarnings(Header, Header, $"{named} entries behind the old end of the disk named clusters or tables, and were cleared when the disk grew; to reclaim what they named: qedvd check -r leaks {Name}");
        }
    }
}
