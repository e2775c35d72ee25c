namespace QedVd.Backends.Qed;

/// <content>Giving unused room back. How it is done: <see cref="Compaction"/>.</content>
internal sealed partial class QedImage
{
    /// <inheritdoc/>
    /// <remarks>
    /// Guests go on meanwhile: a write waits only while its own clusters are moved (for at most 64 MiB of copying), and for moments at the start and the
    /// end. A cancelled or failed compaction leaves a sound image, and gives back what it has freed until then; running it again finishes the work.
    /// Changes of what lies beneath, and of the open flags, wait for its end.
    /// </remarks>
    public override async ValueTask CompactAsync(CompactOptions options, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);

        // It computes for long stretches: not on the caller's thread.
        await Task.Run(() => CompactInTurnAsync(options, progress, cancellationToken), cancellationToken).ConfigureAwait(false);
    }

    private async Task CompactInTurnAsync(CompactOptions options, IProgress<OperationProgress>? progress, CancellationToken cancellationToken)
    {
        await _changeGate.EnterAsync<AsyncIo>(cancellationToken).ConfigureAwait(false);
        try
        {
            if (IsReadOnly)
            {
                throw new ImageException(ImageErrorKind.ReadOnly, $"{Name}: open for reading only; a compaction writes.", Name, "compact");
            }

            _writer.ThrowIfFenced("compact");
            await PrepareToAllocateAsync<AsyncIo>(cancellationToken).ConfigureAwait(false);
            await ClearTablesBeyondAsync(Header, cancellationToken).ConfigureAwait(false);
            await new Compaction(this, options, progress).RunAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _changeGate.Exit();
        }
    }

    /// <summary>
    /// One compaction, in passes. A pass fixes an end of the file, below which from then on only this compaction changes where anything lies; drops what
    /// holds nothing, moves what lies high into what is free below, and cuts. When guests have allocated behind the end meanwhile, another pass
    /// follows for what they have added; when that is little, they wait for it, so that there is a last one.
    /// </summary>
    /// <remarks>
    /// For each change of a mapping: writers are held off the clusters and the requests under way end (first grace period); the bytes are copied or
    /// looked at; the entry is published, to reach the storage behind a barrier after the copy; writers go on. Only when a commit has made the entry
    /// durable and the readers of that time have ended (second grace period) is the old place cut, punched or used again: moves go to what was
    /// free before any of them, tables to windows out of which all data has gone, in this sense, before.
    /// </remarks>
    private sealed partial class Compaction
    {
        /// <summary>What is moved or looked at during one hold.</summary>
        private const long BatchBytes = 64 << 20;

        private const int BatchChanges = 4096;
        private const int MaxPasses = 8;

        private readonly QedImage _image;
        private readonly CompactOptions _options;
        private readonly bool _movesOnly;
        private readonly CompactionProgress _progress;
        private readonly QedGeometry _geometry;
        private readonly List<EntryChange> _batch = [];
        private readonly int _maxSlices;
        private MetadataWalk _walk;
        private Task _commit = Task.CompletedTask;
        private WriteHold? _heldForGood;
        private long _endBytes;
        private int _batchSlices;

        public Compaction(QedImage image, CompactOptions options, IProgress<OperationProgress>? progress, bool movesOnly = false)
        {
            _image = image;
            _options = options;
            _movesOnly = movesOnly;
            _progress = new CompactionProgress(progress);
            _geometry = image.Header.Geometry;
            _walk = new MetadataWalk(image._storage, image.Header);

            // Slices that were changed are pinned until they are written, two batches at a time.
            _maxSlices = Math.Max(1, image._pool.CapacityPages / 8);
        }

        public async Task RunAsync(CancellationToken cancellationToken)
        {
            try
            {
                await RunPassesAsync(cancellationToken).ConfigureAwait(false);
                _progress.End();
            }
            catch (ImageException exception) when (exception.Kind == ImageErrorKind.Fenced)
            {
                // It may have met the fence that a commit beside it has run into: the cause is that one's.
                await _commit.ConfigureAwait(false);
                throw;
            }
            catch (Exception exception) when (exception is not ImageException { Kind: ImageErrorKind.Corrupt })
            {
                await GiveUpAsync().ConfigureAwait(false);
                throw;
            }
            finally
            {
                await _commit.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                _heldForGood = null;
                _image.EndHold();
            }
        }

        private async ValueTask RunPassesAsync(CancellationToken cancellationToken)
        {
            bool mayEvacuate = true;
            bool isAfterAll = false;
            for (int pass = 1; ; pass++)
            {
                // All below is in order already: what is left to do is what was added.
                if (isAfterAll && _heldForGood is null && _image._allocator.AllocatedEnd - _endBytes <= BatchBytes)
                {
                    await HoldForGoodAsync().ConfigureAwait(false);
                }

                await FixEndAsync(cancellationToken).ConfigureAwait(false);
                UsedClusters used = await ScanAsync(cancellationToken).ConfigureAwait(false);
                if (pass == 1 && _options.IsHeldBeneath is not null && await EmptyAsync(used, cancellationToken).ConfigureAwait(false))
                {
                    used = await ScanAsync(cancellationToken).ConfigureAwait(false);
                }

                if (pass == 1 && !_movesOnly && await DropAsync(used, cancellationToken).ConfigureAwait(false))
                {
                    used = await ScanAsync(cancellationToken).ConfigureAwait(false);
                }

                if (CanCut)
                {
                    RelocationPlan plan = used.PlanMoves();
                    if (plan.TablesInTheWay.Count > 0 && mayEvacuate)
                    {
                        // To places behind the end, so that the next pass finds room that is in one piece.
                        mayEvacuate = false;
                        await EvacuateAsync(used, plan, cancellationToken).ConfigureAwait(false);
                        continue;
                    }

                    if (plan.HasGain)
                    {
                        await MoveDataAsync(used, plan, cancellationToken).ConfigureAwait(false);
                        await MoveTablesAsync(used, plan.TableMoves, cancellationToken).ConfigureAwait(false);
                        used = await ScanAsync(cancellationToken).ConfigureAwait(false);
                    }
                }

                cancellationToken.ThrowIfCancellationRequested();
                if (await TryCutAsync(used).ConfigureAwait(false))
                {
                    return;
                }

                isAfterAll = true;
                if (pass >= MaxPasses || !CanCut)
                {
                    await _image.GiveBackHolesAsync(used, used.EndBytes, CancellationToken.None).ConfigureAwait(false);
                    return;
                }
            }
        }

        private bool CanCut => (_image._storage.Facts & StorageFacts.CanSetLength) != 0;

        private async ValueTask<UsedClusters> ScanAsync(CancellationToken cancellationToken)
        {
            UsedClusters used = _image.NewUsedClusters(_endBytes, "compact");

            // L1 may have moved since the last one.
            _walk = new MetadataWalk(_image._storage, _image.Header);
            await used.FindAsync<SyncIo>(_walk, cancellationToken).ConfigureAwait(false);

            // Every request that may know a table where it was before has ended: what becomes of that place must not be taken for a table.
            _image._knownTables.ReplaceBelow(used.All.ClusterCount, used.SortedTables());
            return used;
        }
    }
}
