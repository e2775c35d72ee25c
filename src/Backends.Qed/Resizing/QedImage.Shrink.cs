namespace QedVd.Backends.Qed;

/// <content>
/// Shrinking: clusters beyond the new end are unlinked and the rest of the last one is zero, durably, before one sector makes the disk smaller; so
/// nothing old can show when it grows again, here or elsewhere.
/// </content>
internal sealed partial class QedImage
{
    private async ValueTask ShrinkAsync(long sizeBytes, ResizeProgress progress, CancellationToken cancellationToken)
    {
        QedGeometry geometry = Header.Geometry;
        long firstGone = geometry.ClustersFor(sizeBytes);
        if (sizeBytes > 0)
        {
            // A last cluster that cannot be read cannot get zeros either: found out before anything is lost.
            await _map.LookupAsync<AsyncIo>(sizeBytes - 1, 1, cancellationToken).ConfigureAwait(false);
        }

        await PrepareToAllocateAsync<AsyncIo>(cancellationToken).ConfigureAwait(false);
        WriteHold beyond = new(new ClusterRun(firstGone, long.MaxValue));
        long frontier;
        await HoldAsync<AsyncIo>(beyond, cancellationToken).ConfigureAwait(false);
        try
        {
            await _writer.CommitAsync<AsyncIo>(cancellationToken).ConfigureAwait(false);
            await UnlinkAsync(firstGone, progress, cancellationToken).ConfigureAwait(false);

            cancellationToken.ThrowIfCancellationRequested();

            // This hold takes the other's place before that one ends.
            await HoldAsync<AsyncIo>(WriteHold.OfEverything(), cancellationToken).ConfigureAwait(false);
            await ZeroSlackAsync(sizeBytes).ConfigureAwait(false);
            await SwitchSizeAsync(now => now with { VirtualSizeBytes = sizeBytes }, _knownTables).ConfigureAwait(false);

            await ClearTablesBeyondAsync(Header, CancellationToken.None).ConfigureAwait(false);
            frontier = BeginReclaim();
        }
        finally
        {
            EndHold();
            beyond.End();
        }

        await ReclaimAsync(frontier, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Unlinks, durably, the tables that describe nothing of the disk: a shrink leaves them, and a grow that was cut short.</summary>
    private async ValueTask ClearTablesBeyondAsync(QedHeader header, CancellationToken cancellationToken)
    {
        // L1 entries that share a slice with others are in the cache, or may be.
        int first = header.Geometry.L1EntriesFor(header.VirtualSizeBytes);
        int sliced = Math.Min(header.Geometry.EntriesPerTable, (first + SliceKey.EntryMask) & ~SliceKey.EntryMask);
        long named = await ClearLinksAsync(first, sliced, cancellationToken).ConfigureAwait(false);
        named += await new StoredEntries(_storage).SetAsync(header.L1TableOffset, sliced, header.Geometry.EntriesPerTable, QedEntry.Unallocated, cancellationToken).ConfigureAwait(false);
        if (named > 0)
        {
            await _writer.CommitAsync<AsyncIo>(CancellationToken.None).ConfigureAwait(false);
        }
    }

    /// <summary>Takes the mapping of all clusters from one on; over something beneath they become zeros, not what lies there.</summary>
    private async ValueTask UnlinkAsync(long firstGone, ResizeProgress progress, CancellationToken cancellationToken)
    {
        QedHeader header = Header;
        QedGeometry geometry = header.Geometry;
        ulong value = _beneath.Value.Kind == BeneathKind.Nothing ? SliceEntry.Unallocated : SliceEntry.Zero;
        int endTable = geometry.L1EntriesFor(header.VirtualSizeBytes);
        long first = firstGone >> geometry.EntryBits;
        StoredEntries l1 = new(_storage);
        StoredEntries l2 = new(_storage);
        progress.Add((endTable - first) * QedGeometry.EntryBytes);
        for (; await l1.ReadAsync(header.L1TableOffset, first, endTable, cancellationToken).ConfigureAwait(false); first = l1.First + l1.Count)
        {
            for (int i = 0; i < l1.Count; i++)
            {
                // Damaged entries go with their tables.
                int l1Index = (int)l1.First + i;
                ulong table = l1[i];
                if (table != QedEntry.Unallocated && new QedReferenceRules(header, _allocator.AllocatedEnd).CheckTable(table) == QedReferenceProblem.None)
                {
                    progress.Add(geometry.TableBytes);
                    await UnlinkInTableAsync(l2, l1Index, (long)table, firstGone, value, cancellationToken).ConfigureAwait(false);
                    progress.Advance(geometry.TableBytes, "unlinking clusters");
                }
            }

            progress.Advance(l1.Count * QedGeometry.EntryBytes, "unlinking clusters");
        }
    }

    private async ValueTask UnlinkInTableAsync(StoredEntries entries, int l1Index, long table, long firstGone, ulong value, CancellationToken cancellationToken)
    {
        QedGeometry geometry = Header.Geometry;
        long tableStart = (long)l1Index << geometry.EntryBits;
        long first = Math.Max(0, firstGone - tableStart);
        for (; await entries.ReadAsync(table, first, geometry.EntriesPerTable, cancellationToken).ConfigureAwait(false); first = entries.First + entries.Count)
        {
            for (int i = 0, next; i < entries.Count; i = next)
            {
                long start = entries.First + i;
                next = (int)Math.Min(entries.Count, (start | SliceKey.EntryMask) + 1 - entries.First);
                if (NamesAny(entries, i, next))
                {
                    await LimitDirtyAsync<AsyncIo>(cancellationToken).ConfigureAwait(false);
                    await UnlinkInSliceAsync(table, l1Index, tableStart + start, next - i, value, cancellationToken).ConfigureAwait(false);
                }
            }
        }
    }

    private static bool NamesAny(StoredEntries entries, int start, int end)
    {
        for (int i = start; i < end; i++)
        {
            if (entries[i] > QedEntry.Zero)
            {
                return true;
            }
        }

        return false;
    }

    private async ValueTask UnlinkInSliceAsync(long table, int l1Index, long cluster, int count, ulong value, CancellationToken cancellationToken)
    {
        using SliceLease slice = await _map.AcquireL2Async<AsyncIo>(table, cluster, forWriting: true, cancellationToken).ConfigureAwait(false);
        SlicePlace place = new(SliceKey.ForCluster(cluster), _map.L2SliceOffset(table, cluster), l1Index);
        int index = (int)(cluster & SliceKey.EntryMask);
        for (int end = index + count, run; index < end; index += Math.Max(run, 1))
        {
            run = 0;
            while (index + run < end && slice.Get(index + run) > SliceEntry.Zero)
            {
                run++;
            }

            if (run > 0)
            {
                _dirty.Publish(slice.Page!, place, index, run, (long)value, 0, isOrdered: false);
                _timer.Arm(isFree: false);
            }
        }
    }
}
