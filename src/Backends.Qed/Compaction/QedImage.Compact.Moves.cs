namespace QedVd.Backends.Qed;

internal sealed partial class QedImage
{
    /// <content>Data that lies high goes to what is free below.</content>
    private sealed partial class Compaction
    {
        private ClusterRelocator? _copier;

        private ClusterRelocator Copier => _copier ??= new ClusterRelocator(_image._storage, _geometry);

        private bool IsBatchFull => _batch.Count >= Math.Clamp(BatchBytes >> _geometry.ClusterBits, 1, BatchChanges) || AreSlicesFull;

        private bool AreSlicesFull => _batchSlices > _maxSlices;

        private async ValueTask MoveDataAsync(UsedClusters used, RelocationPlan plan, CancellationToken cancellationToken)
        {
            _progress.Begin("moving data", CountMoves(used, plan) << _geometry.ClusterBits);
            foreach (TablePlace table in used.Tables)
            {
                _walk.OpenTable(table.Offset);
                while (await _walk.NextEntriesAsync<AsyncIo>(cancellationToken).ConfigureAwait(false))
                {
                    for (int at = 0; at < _walk.Entries.Length;)
                    {
                        at = CollectMoves(table, plan, at);
                        if (IsBatchFull)
                        {
                            await MoveBatchAsync(cancellationToken).ConfigureAwait(false);
                        }
                    }
                }
            }

            await MoveBatchAsync(cancellationToken).ConfigureAwait(false);
            await SettleAsync().ConfigureAwait(false);
        }

        private long CountMoves(UsedClusters used, RelocationPlan plan)
        {
            long moves = 0;
            foreach ((long first, long count) in used.UsedRuns())
            {
                if (first >= plan.FinalEnd)
                {
                    moves += count;
                    continue;
                }

                for (long cluster = first; cluster < first + count; cluster++)
                {
                    moves += plan.MustMove(cluster) ? 1 : 0;
                }
            }

            return Math.Max(0, moves - ((long)plan.TableMoves.Count * _geometry.TableClusters));
        }

        private int CollectMoves(TablePlace table, RelocationPlan plan, int at)
        {
            ReadOnlySpan<ulong> entries = _walk.Entries;
            for (; at < entries.Length && !IsBatchFull; at++)
            {
                ulong value = entries[at];
                if (value <= QedEntry.Zero)
                {
                    at += EntryRuns.Same(entries, at, value) - 1;
                }
                else if (value < (ulong)_endBytes && plan.MustMove((long)value >> _geometry.ClusterBits))
                {
                    long hole = plan.NextHole();
                    if (hole < 0)
                    {
                        throw Changed(value);
                    }

                    AddToBatch(new EntryChange(ClusterOf(table, _walk.FirstIndex + at), value, (ulong)(hole << _geometry.ClusterBits)));
                }
            }

            return at;
        }

        private async ValueTask MoveBatchAsync(CancellationToken cancellationToken)
        {
            if (_batch.Count == 0)
            {
                return;
            }

            cancellationToken.ThrowIfCancellationRequested();
            long bytes = _batch.Count * _geometry.ClusterBytes;
            await HoldAsync(HoldOfBatch(), cancellationToken).ConfigureAwait(false);
            try
            {
                Copier.Copy(_batch, cancellationToken);
                await PublishBatchAsync(isOrdered: true).ConfigureAwait(false);
            }
            finally
            {
                EndHold();
                ClearBatch();
            }

            await BeginCommitAsync().ConfigureAwait(false);
            _progress.Advance(bytes);
        }

        private long ClusterOf(TablePlace table, int index) => ((long)table.L1Index << _geometry.EntryBits) + index;

        private void AddToBatch(EntryChange change)
        {
            if (_batch.Count == 0 || SliceKey.ForCluster(_batch[^1].Cluster) != SliceKey.ForCluster(change.Cluster))
            {
                _batchSlices++;
            }

            _batch.Add(change);
        }

        private void ClearBatch()
        {
            _batch.Clear();
            _batchSlices = 0;
        }

        /// <summary>The clusters of the batch, which ascend.</summary>
        private WriteHold HoldOfBatch()
        {
            List<ClusterRun> runs = [];
            foreach (EntryChange change in _batch)
            {
                if (runs.Count > 0 && runs[^1].Last == change.Cluster - 1)
                {
                    runs[^1] = runs[^1] with { Last = change.Cluster };
                }
                else
                {
                    runs.Add(new ClusterRun(change.Cluster, change.Cluster));
                }
            }

            return new WriteHold([.. runs]);
        }

        /// <summary>Publishes the batch in memory. Its clusters are held.</summary>
        private async ValueTask PublishBatchAsync(bool isOrdered)
        {
            for (int i = 0; i < _batch.Count;)
            {
                long key = SliceKey.ForCluster(_batch[i].Cluster);
                int end = i;
                while (end < _batch.Count && SliceKey.ForCluster(_batch[end].Cluster) == key)
                {
                    end++;
                }

                long cluster = _batch[i].Cluster;
                int l1Index = (int)(cluster >> _geometry.EntryBits);
                long table = await _image._map.LookupTableAsync<AsyncIo>(l1Index, CancellationToken.None).ConfigureAwait(false);
                SlicePlace place = new(key, _image._map.L2SliceOffset(table, cluster), l1Index);
                using SliceLease slice = await _image._map.AcquireL2Async<AsyncIo>(table, cluster, forWriting: true, CancellationToken.None).ConfigureAwait(false);
                PublishSlice(slice, place, i, end, isOrdered);
                i = end;
            }
        }

        private void PublishSlice(in SliceLease slice, in SlicePlace place, int first, int end, bool isOrdered)
        {
            // All of the slice before any of it.
            for (int i = first; i < end; i++)
            {
                ulong now = slice.Get((int)(_batch[i].Cluster & SliceKey.EntryMask));
                if (now == _batch[i].Before)
                {
                    continue;
                }

                if (_batch[i].Before != QedEntry.Zero || now < (ulong)_endBytes)
                {
                    throw Changed(_batch[i].Before);
                }

                // Before the hold a guest has written where a marker was: that stays.
                _batch[i] = _batch[i] with { Before = now, After = now };
            }

            for (int i = first; i < end;)
            {
                EntryChange change = _batch[i];
                if (change.After == change.Before)
                {
                    i++;
                    continue;
                }

                ulong increment = change.After > QedEntry.Zero ? (ulong)_geometry.ClusterBytes : 0;
                int count = 1;
                while (i + count < end && _batch[i + count] is var next && next.Before != next.After && next.Cluster == change.Cluster + count
                    && next.After == change.After + ((ulong)count * increment))
                {
                    count++;
                }

                _image._dirty.Publish(slice.Page!, place, (int)(change.Cluster & SliceKey.EntryMask), count, (long)change.After, (long)increment, isOrdered);
                i += count;
            }
        }

        private ImageException Changed(ulong value) => new(
            ImageErrorKind.Corrupt,
            $"{_image.Name}: the compaction stops, because the tables in memory and in the file do not agree about the cluster at {value}; close the image and check it.",
            _image.Name,
            "compact",
            (long)value);
    }
}
