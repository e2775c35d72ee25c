namespace QedVd.Backends.Qed;

internal sealed partial class QedImage
{
    /// <content>What lies beneath in the same form loses its place: its bytes are not looked at, somebody else vouches for them.</content>
    private sealed partial class Compaction
    {
        // Nothing is copied or read during such a hold.
        private const int EmptyBatchChanges = 1 << 16;

        /// <summary>Frees what is held beneath, and unlinks the tables that become empty; true when there was any.</summary>
        private async ValueTask<bool> EmptyAsync(UsedClusters used, CancellationToken cancellationToken)
        {
            _progress.Begin("emptying", used.All.SetCount << _geometry.ClusterBits);
            List<TablePlace> emptyTables = [];
            bool hasFreed = false;
            foreach (TablePlace table in used.Tables)
            {
                bool isEmpty = true;
                _walk.OpenTable(table.Offset);
                while (await _walk.NextEntriesAsync<AsyncIo>(cancellationToken).ConfigureAwait(false))
                {
                    for (int at = 0; at < _walk.Entries.Length;)
                    {
                        at = CollectHeld(table, at, ref isEmpty);
                        if (IsEmptyBatchFull)
                        {
                            hasFreed |= await EmptyBatchAsync(cancellationToken).ConfigureAwait(false);
                        }
                    }
                }

                if (isEmpty)
                {
                    emptyTables.Add(table);
                }
            }

            hasFreed |= await EmptyBatchAsync(cancellationToken).ConfigureAwait(false);
            if (!hasFreed)
            {
                // Tables that were empty before are the business of what follows.
                return false;
            }

            await SettleAsync().ConfigureAwait(false);
            await DropTablesAsync(emptyTables, cancellationToken).ConfigureAwait(false);
            return true;
        }

        private bool IsEmptyBatchFull => _batch.Count >= EmptyBatchChanges || AreSlicesFull;

        /// <summary>Collects, from an entry of those last read on, until the batch is full; returns the first that was not looked at.</summary>
        private int CollectHeld(TablePlace table, int at, ref bool isEmpty)
        {
            ReadOnlySpan<ulong> entries = _walk.Entries;
            for (; at < entries.Length && !IsEmptyBatchFull; at++)
            {
                ulong value = entries[at];
                if (value == QedEntry.Unallocated)
                {
                    at += EntryRuns.Same(entries, at, value) - 1;
                    continue;
                }

                long cluster = ClusterOf(table, _walk.FirstIndex + at);
                if (value < (ulong)_endBytes && IsHeldBeneath(cluster))
                {
                    AddToBatch(new EntryChange(cluster, value, QedEntry.Unallocated));
                }
                else
                {
                    isEmpty = false;
                }
            }

            return at;
        }

        // A cluster beyond the end of a disk that has become smaller is nobody's.
        private bool IsHeldBeneath(long cluster)
        {
            long offset = cluster << _geometry.ClusterBits;
            long length = Math.Min(_geometry.ClusterBytes, _image.VirtualSizeBytes - offset);
            return length > 0 && _options.IsHeldBeneath!(offset, length);
        }

        private async ValueTask<bool> EmptyBatchAsync(CancellationToken cancellationToken)
        {
            if (_batch.Count == 0)
            {
                return false;
            }

            cancellationToken.ThrowIfCancellationRequested();
            long bytes = _batch.Count * _geometry.ClusterBytes;
            await HoldAsync(HoldOfBatch(), cancellationToken).ConfigureAwait(false);
            try
            {
                // Every write that began before the hold has ended, and those that come wait: this answer stays right until the entry is published.
                for (int i = 0; i < _batch.Count; i++)
                {
                    if (!IsHeldBeneath(_batch[i].Cluster))
                    {
                        _batch[i] = _batch[i] with { After = _batch[i].Before };
                    }
                }

                // What lies beneath is durable already: these entries may be so at any time.
                await PublishBatchAsync(isOrdered: false).ConfigureAwait(false);
            }
            finally
            {
                EndHold();
                ClearBatch();
            }

            await BeginCommitAsync().ConfigureAwait(false);
            _progress.Advance(bytes);
            return true;
        }
    }
}
