namespace QedVd.Backends.Qed;

/// <content>
/// The L2 tables on several threads. Each marks clusters in a bitmap of its own, and the bitmaps are merged: as long as nothing is wrong, neither
/// order nor partition shows in the report. The first thing that is wrong ends it, and the tables are walked in their order, so that the report of
/// a damaged image is that of one thread too.
/// </content>
internal sealed partial class QedChecker
{
    private const int MaxWorkers = 4;

    /// <summary>Fewer tables than this for each thread are not worth a thread.</summary>
    private const int MinTablesPerWorker = 8;

    /// <summary>Larger bitmaps than 8 MiB are kept once only.</summary>
    private const long MaxClustersPerWorker = 8L << 23;

    private const int TablesPerTurn = 4;

    private readonly Lock _progressLock = new();

    /// <summary>How many threads may walk at once.</summary>
    internal int WorkerLimit { get; init; } = Math.Min(MaxWorkers, Environment.ProcessorCount);

    /// <summary>Walks all tables of a set, which are marked; null, with nothing reported, when they are to be walked in order.</summary>
    private async ValueTask<L2Walk?> TryWalkInParallelAsync<TIo>(L2TableSet set, ClusterUse use, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        int workers = Math.Min(WorkerLimit, set.Count / MinTablesPerWorker);
        if (TIo.IsSynchronous || workers < 2 || _fileLengthBytes >> _geometry.ClusterBits > MaxClustersPerWorker || _tally.Corruptions + _tally.CheckErrors > 0)
        {
            return null;
        }

        long before = _doneBytes;
        TableShares shares = new(set.Count, TablesPerTurn);
        Task<(L2Walk Walk, ClusterUse Use)?>[] tasks = new Task<(L2Walk, ClusterUse)?>[workers];
        for (int i = 0; i < workers; i++)
        {
            tasks[i] = Task.Run(() => WalkSharesAsync<TIo>(shares, set, use.Fork(), cancellationToken), CancellationToken.None);
        }

        // When this returns or throws, all have ended.
        (L2Walk Walk, ClusterUse Use)?[] results = await Task.WhenAll(tasks).ConfigureAwait(false);
        if (Array.TrueForAll(results, result => result is not null) && use.TryMerge([.. results.Select(result => result!.Value.Use)]))
        {
            L2Walk whole = results[0]!.Value.Walk;
            foreach ((L2Walk Walk, ClusterUse Use)? result in results.AsSpan(1))
            {
                whole.AddTotals(result!.Value.Walk);
            }

            return whole;
        }

        // It was in vain.
        _totalBytes += _doneBytes - before;
        return null;
    }

    /// <summary>Walks shares until there are none left; null when something is wrong, here or in another thread.</summary>
    private async Task<(L2Walk Walk, ClusterUse Use)?> WalkSharesAsync<TIo>(TableShares shares, L2TableSet set, ClusterUse use, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        CheckTally tally = new(new CheckOptions { MaxReportedFindings = 0 });
        L2Walk walk = new(_geometry, _rules, use, tally);
        MetadataWalk tables = new(_storage, _header);
        bool isDone = false;
        try
        {
            while (shares.TryTake(out int first, out int end))
            {
                for (int i = first; i < end; i++)
                {
                    tables.OpenTable((long)set.Offsets[i]);
                    walk.Start(-1, tables.TableOffset);
                    while (await tables.NextEntriesAsync<TIo>(cancellationToken).ConfigureAwait(false))
                    {
                        walk.Add(tables.Entries, tables.FirstIndex);
                    }

                    if (tally.Corruptions > 0)
                    {
                        return null;
                    }

                    Advance(_geometry.TableBytes);
                }
            }

            isDone = !shares.IsStopped;
            return isDone ? (walk, use) : null;
        }
        catch (ImageException)
        {
            // Found again, and reported, in order.
            return null;
        }
        finally
        {
            if (!isDone)
            {
                shares.Stop();
            }
        }
    }
}
