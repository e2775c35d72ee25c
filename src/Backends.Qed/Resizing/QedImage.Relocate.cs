namespace QedVd.Backends.Qed;

/// <content>Growing beyond the reach of the tables: larger ones are written elsewhere, complete, and one sector of the header switches to them.</content>
internal sealed partial class QedImage
{
    /// <summary>So often are changed tables copied again before writers are held for the rest; and so few of them are not worth another round.</summary>
    private const int MaxCopyRounds = 4;

    private const int FewTables = 16;

    private async ValueTask GrowByRelocationAsync(long sizeBytes, QedGeometry geometry, TablesToBe tables, ResizeProgress progress, CancellationToken cancellationToken)
    {
        QedHeader before = Header;
        long l1 = await tables.MakeL1Async(geometry, cancellationToken).ConfigureAwait(false);
        QedHeader after = before with { Geometry = geometry, L1TableOffset = l1, VirtualSizeBytes = sizeBytes };
        TableRelocation relocation = new(
            _storage, before, after, new SliceProof(before, _knownTables, _allocator, _touched), token => tables.MakeTableAsync(geometry, token), progress);
        KnownTables known = new(geometry);
        long frontier;
        _dirty.Watch();
        try
        {
            // What is published from here on is noted; what was before is in the storage after this.
            await _writer.CommitAsync<AsyncIo>(cancellationToken).ConfigureAwait(false);
            await relocation.CopyAllAsync(cancellationToken).ConfigureAwait(false);
            IReadOnlyCollection<int> changed = _dirty.TakeChanged();
            for (int round = 0; round < MaxCopyRounds && changed.Count > FewTables; round++)
            {
                await _writer.CommitAsync<AsyncIo>(cancellationToken).ConfigureAwait(false);
                await relocation.CopyAsync(changed, cancellationToken).ConfigureAwait(false);
                changed = _dirty.TakeChanged();
            }

            await MarkInNewTablesAsync(after, relocation, tables, cancellationToken).ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
            await HoldAsync<AsyncIo>(WriteHold.OfEverything(), cancellationToken).ConfigureAwait(false);
            try
            {
                await _writer.CommitAsync<AsyncIo>(CancellationToken.None).ConfigureAwait(false);
                await relocation.CopyAsync(changed.Union(_dirty.TakeChanged()), CancellationToken.None).ConfigureAwait(false);
                await ZeroSlackAsync(_virtualSizeBytes).ConfigureAwait(false);
                await SwitchSizeAsync(
                    now => now with { Geometry = geometry, L1TableOffset = l1, VirtualSizeBytes = sizeBytes },
                    known,
                    () =>
                    {
                        tables.Keep(known);

                        // Every entry was proven when it was copied.
                        _allocator.TrustUpToEnd();
                        _touched.Reset();
                    }).ConfigureAwait(false);
                frontier = BeginReclaim();
            }
            finally
            {
                EndHold();
            }
        }
        finally
        {
            _dirty.EndWatch();
        }

        // The old tables, for the most part.
        await ReclaimAsync(frontier, cancellationToken).ConfigureAwait(false);
    }

    private static async ValueTask MarkInNewTablesAsync(QedHeader after, TableRelocation relocation, TablesToBe tables, CancellationToken cancellationToken)
    {
        QedGeometry geometry = after.Geometry;
        NewPart part = tables.Part;
        if (part.SharesTable(geometry) && part.MarkEnd > part.FirstCluster)
        {
            int index = (int)(part.FirstCluster >> geometry.EntryBits);
            long table = await relocation.GetOrMakeTableAsync(index, cancellationToken).ConfigureAwait(false);
            long tableStart = (long)index << geometry.EntryBits;
            long end = Math.Min(tableStart + geometry.EntriesPerTable, part.MarkEnd);
            await tables.Entries.WriteAsync(table, part.FirstCluster - tableStart, end - part.FirstCluster, QedEntry.Zero, 0, cancellationToken).ConfigureAwait(false);
        }

        await tables.MakeMarkersAsync(after, direct: 0, static (_, _, _, _) => default, cancellationToken).ConfigureAwait(false);
    }
}
