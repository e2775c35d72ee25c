namespace QedVd.Backends.Qed;

internal sealed partial class QedImage
{
    /// <content>What holds nothing loses its place: zeros, what equals the bytes beneath, markers over nothing, tables without an entry.</content>
    private sealed partial class Compaction
    {
        private StorageZeroTest? _zeroTest;
        private byte[] _cluster = [];

        /// <summary>Drops what can be dropped; true when anything was.</summary>
        private async ValueTask<bool> DropAsync(UsedClusters used, CancellationToken cancellationToken)
        {
            _zeroTest = new StorageZeroTest(_image._storage, _geometry);
            _progress.Begin("looking for zeros", used.All.SetCount << _geometry.ClusterBits);
            ClusterBitmap zeros = _zeroTest.Find(used, _options.DropZeroBlocks, _progress, cancellationToken);

            bool hasDropped = false;
            List<TablePlace> emptyTables = [];
            foreach (TablePlace table in used.Tables)
            {
                bool isEmpty = true;
                _walk.OpenTable(table.Offset);
                while (await _walk.NextEntriesAsync<AsyncIo>(cancellationToken).ConfigureAwait(false))
                {
                    for (int at = 0; at < _walk.Entries.Length;)
                    {
                        at = CollectDrops(table, zeros, at, ref isEmpty);
                        if (at < _walk.Entries.Length && IsForUser(_walk.Entries[at]))
                        {
                            isEmpty &= await AskAsync(table, at++, cancellationToken).ConfigureAwait(false);
                        }

                        if (IsBatchFull)
                        {
                            hasDropped |= await DropBatchAsync(cancellationToken).ConfigureAwait(false);
                        }
                    }
                }

                if (isEmpty)
                {
                    emptyTables.Add(table);
                }
            }

            hasDropped |= await DropBatchAsync(cancellationToken).ConfigureAwait(false);
            if (hasDropped || emptyTables.Count > 0)
            {
                await SettleAsync().ConfigureAwait(false);
                await DropTablesAsync(emptyTables, cancellationToken).ConfigureAwait(false);
            }

            return hasDropped || emptyTables.Count > 0;
        }

        /// <summary>
        /// Collects, from an entry of those last read on, what can be dropped, until the batch is full or an entry is reached about which somebody has to
        /// be asked. Returns the index of the first entry that was not looked at.
        /// </summary>
        private int CollectDrops(TablePlace table, ClusterBitmap zeros, int at, ref bool isEmpty)
        {
            ReadOnlySpan<ulong> entries = _walk.Entries;
            for (; at < entries.Length && !IsBatchFull; at++)
            {
                ulong value = entries[at];
                if (value == QedEntry.Unallocated)
                {
                    at += EntryRuns.Same(entries, at, value) - 1;
                    continue;
                }

                long cluster = ClusterOf(table, _walk.FirstIndex + at);
                if (value != QedEntry.Zero && IsForUser(value))
                {
                    return at;
                }

                ulong after = value;
                if (value == QedEntry.Zero || (value < (ulong)_endBytes && zeros.Contains((long)value >> _geometry.ClusterBits)))
                {
                    after = ZeroEntryFor(cluster);
                }

                isEmpty &= after == QedEntry.Unallocated;
                if (after != value)
                {
                    AddToBatch(new EntryChange(cluster, value, after));
                }
            }

            return at;
        }

        /// <summary>Whether somebody is to be asked about a cluster.</summary>
        private bool IsForUser(ulong value) => _options.EqualsBeneath is not null && value > QedEntry.Zero && value < (ulong)_endBytes;

        /// <summary>Puts one cluster into the batch if it holds what lies beneath, or zeros; true when its entry would become 0.</summary>
        private async ValueTask<bool> AskAsync(TablePlace table, int at, CancellationToken cancellationToken)
        {
            long cluster = ClusterOf(table, _walk.FirstIndex + at);
            ulong value = _walk.Entries[at];
            ulong after = await EntryAfterLookAsync(cluster, value, cancellationToken).ConfigureAwait(false);
            if (after != value)
            {
                AddToBatch(new EntryChange(cluster, value, after));
            }

            return after == QedEntry.Unallocated;
        }

        /// <summary>What the entry of a data cluster can become, by a look at its bytes as they are now.</summary>
        private async ValueTask<ulong> EntryAfterLookAsync(long cluster, ulong value, CancellationToken cancellationToken)
        {
            if (_options.EqualsBeneath is not null)
            {
                if (_cluster.Length == 0)
                {
                    _cluster = GC.AllocateUninitializedArray<byte>((int)_geometry.ClusterBytes);
                }

                long offset = cluster << _geometry.ClusterBits;
                int length = (int)Math.Min(_cluster.Length, _image.VirtualSizeBytes - offset);
                StorageReads.Exactly(_image._storage, (long)value, _cluster);
                if (length > 0 && await _options.EqualsBeneath(offset, _cluster.AsMemory(0, length), cancellationToken).ConfigureAwait(false))
                {
                    return QedEntry.Unallocated;
                }
            }

            return _zeroTest!.IsZero((long)value, _options.DropZeroBlocks) ? ZeroEntryFor(cluster) : value;
        }

        /// <summary>The entry of a cluster that reads as zero. Over something it is never 0.</summary>
        private ulong ZeroEntryFor(long cluster) =>
            (_image._openFlags & ImageOpenFlags.HonorZeroes) != 0 || _image._beneath.Value.MayHoldDataAt(cluster << _geometry.ClusterBits) ? QedEntry.Zero : QedEntry.Unallocated;

        private async ValueTask<bool> DropBatchAsync(CancellationToken cancellationToken)
        {
            if (_batch.Count == 0)
            {
                return false;
            }

            cancellationToken.ThrowIfCancellationRequested();
            await HoldAsync(HoldOfBatch(), cancellationToken).ConfigureAwait(false);
            try
            {
                // What was seen without the hold may have been overwritten since.
                _zeroTest!.Forget();
                for (int i = 0; i < _batch.Count; i++)
                {
                    EntryChange change = _batch[i];
                    if (change.Before != QedEntry.Zero)
                    {
                        _batch[i] = change with { After = await EntryAfterLookAsync(change.Cluster, change.Before, cancellationToken).ConfigureAwait(false) };
                    }
                }

                await PublishBatchAsync(isOrdered: false).ConfigureAwait(false);
            }
            finally
            {
                EndHold();
                ClearBatch();
            }

            await BeginCommitAsync().ConfigureAwait(false);
            return true;
        }
    }
}
