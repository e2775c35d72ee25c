namespace QedVd.Backends.Qed;

internal sealed partial class QedImage
{
    /// <content>Tables get another place, or none.</content>
    private sealed partial class Compaction
    {
        /// <summary>Moves tables to places that are free of everything.</summary>
        private async ValueTask MoveTablesAsync(UsedClusters used, IReadOnlyList<TableMove> moves, CancellationToken cancellationToken)
        {
            if (moves.Count == 0)
            {
                return;
            }

            _progress.Begin("moving tables", moves.Count * _geometry.TableBytes);
            Dictionary<long, int> l1Indices = used.Tables.ToDictionary(table => table.Offset >> _geometry.ClusterBits, table => table.L1Index);
            long l1 = _image.Header.L1TableOffset >> _geometry.ClusterBits;
            (TablePlace Table, long To)[] all =
                [.. moves.Where(move => move.From != l1).Select(move => (new TablePlace(l1Indices[move.From], move.From << _geometry.ClusterBits), move.To << _geometry.ClusterBits)).OrderBy(move => move.Item1.L1Index)];
            foreach ((TablePlace Table, long To)[] batch in all.Chunk(TablesPerBatch))
            {
                await MoveTablesAsync(batch, cancellationToken).ConfigureAwait(false);
                _progress.Advance(batch.Length * _geometry.TableBytes);
            }

            foreach (TableMove move in moves.Where(move => move.From == l1))
            {
                await MoveL1Async(move.To << _geometry.ClusterBits, cancellationToken).ConfigureAwait(false);
                _progress.Advance(_geometry.TableBytes);
            }
        }

        /// <summary>L1 gets another place by one sector of the header. Nobody publishes a table meanwhile.</summary>
        private async ValueTask MoveL1Async(long to, CancellationToken cancellationToken)
        {
            cancellationToken.ThrowIfCancellationRequested();
            await HoldAsync(WriteHold.OfEverything(), cancellationToken).ConfigureAwait(false);
            try
            {
                await _image._writer.CommitAsync<AsyncIo>(CancellationToken.None).ConfigureAwait(false);
                Copier.CopyTable(_image.Header.L1TableOffset, to, cancellationToken);

                // The copy is complete, durably, before the header names it.
                await _image._writer.CommitAsync<AsyncIo>(CancellationToken.None).ConfigureAwait(false);
                QedHeader after = await _image.ReplaceHeaderAsync(header => header with { L1TableOffset = to }).ConfigureAwait(false);
                await _image.SwitchToAsync<AsyncIo>(after, _image._knownTables).ConfigureAwait(false);
            }
            finally
            {
                EndHold();
            }
        }

        /// <summary>Moves tables that stand in each other's way to new room at the end of the file.</summary>
        private async ValueTask EvacuateAsync(UsedClusters used, RelocationPlan plan, CancellationToken cancellationToken)
        {
            await _image._allocator.SettleAsync<AsyncIo>(cancellationToken).ConfigureAwait(false);
            List<TableMove> moves = [];
            foreach (long from in plan.TablesInTheWay)
            {
                Reservation room = _image._allocator.ReserveFresh(_geometry.TableClusters);
                await _image.EnsureLengthAsync<AsyncIo>(room, cancellationToken).ConfigureAwait(false);
                moves.Add(new TableMove(from, room.Offset >> _geometry.ClusterBits));
            }

            await MoveTablesAsync(used, moves, cancellationToken).ConfigureAwait(false);
        }

        private int TablesPerBatch => (int)Math.Clamp(BatchBytes / _geometry.TableBytes, 1, _maxSlices);

        /// <summary>Unlinks tables that have no entry left; those in which guests have put one meanwhile stay.</summary>
        private async ValueTask DropTablesAsync(List<TablePlace> tables, CancellationToken cancellationToken)
        {
            foreach (TablePlace[] batch in tables.Chunk(TablesPerBatch))
            {
                await RelinkAsync(
                    batch,
                    async index => await IsEmptyAsync(batch[index], cancellationToken).ConfigureAwait(false) ? 0 : batch[index].Offset,
                    cancellationToken).ConfigureAwait(false);
            }
        }

        private ValueTask MoveTablesAsync((TablePlace Table, long To)[] moves, CancellationToken cancellationToken) => RelinkAsync(
            [.. moves.Select(move => move.Table)],
            index =>
            {
                Copier.CopyTable(moves[index].Table.Offset, moves[index].To, cancellationToken);
                return new(moves[index].To);
            },
            cancellationToken);

        /// <summary>
        /// Changes the links of tables. Their whole parts of the disk are held until nobody can know the old places any more: a reader that has read the old
        /// link may still be loading a slice of the old table, and that must be what the new one has.
        /// </summary>
        /// <param name="tables">Ascending.</param>
        /// <param name="prepare">Tells a table's new place, with its bytes there; 0 for none; the old one to leave it.</param>
        /// <param name="cancellationToken">Stops before anything is published.</param>
        private async ValueTask RelinkAsync(TablePlace[] tables, Func<int, ValueTask<long>> prepare, CancellationToken cancellationToken)
        {
            cancellationToken.ThrowIfCancellationRequested();
            ClusterRun[] runs = [.. tables.Select(table => new ClusterRun(ClusterOf(table, 0), ClusterOf(table, _geometry.EntriesPerTable - 1)))];
            await HoldAsync(new WriteHold(runs), cancellationToken).ConfigureAwait(false);
            try
            {
                // From here on the storage has all that there is of these tables.
                await _image._writer.CommitAsync<AsyncIo>(CancellationToken.None).ConfigureAwait(false);
                long[] places = new long[tables.Length];
                for (int i = 0; i < tables.Length; i++)
                {
                    places[i] = await prepare(i).ConfigureAwait(false);
                }

                try
                {
                    for (int i = 0; i < tables.Length; i++)
                    {
                        if (places[i] != tables[i].Offset)
                        {
                            await PublishLinkAsync(tables[i], places[i]).ConfigureAwait(false);
                        }
                    }
                }
                finally
                {
                    // Also for those that were published before one that could not be.
                    await SettleAsync().ConfigureAwait(false);
                }
            }
            finally
            {
                EndHold();
            }
        }

        private async ValueTask PublishLinkAsync(TablePlace table, long place)
        {
            using SliceLease l1 = await _image._map.AcquireL1Async<AsyncIo>(table.L1Index, forWriting: true, CancellationToken.None).ConfigureAwait(false);
            if (l1.Get(table.L1Index & SliceKey.EntryMask) != (ulong)table.Offset)
            {
                throw Changed((ulong)table.Offset);
            }

            if (place != 0)
            {
                _image._knownTables.Add(place);
            }

            _image._dirty.PublishLink(l1.Page!, _image._map.L1SliceOffset(table.L1Index), table.L1Index, place);
        }

        private async ValueTask<bool> IsEmptyAsync(TablePlace table, CancellationToken cancellationToken)
        {
            _walk.OpenTable(table.Offset);
            while (await _walk.NextEntriesAsync<AsyncIo>(cancellationToken).ConfigureAwait(false))
            {
                if (_walk.Entries.ContainsAnyExcept(QedEntry.Unallocated))
                {
                    return false;
                }
            }

            return true;
        }
    }
}
