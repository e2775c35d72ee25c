namespace QedVd.Backends.Qed;

/// <summary>
/// Gives back what nothing refers to, in an image without damage: moves the end of the file into the holes and cuts the file. Where the file
/// cannot be cut, the room is punched out.
/// </summary>
internal sealed class LeakReclaimer
{
    /// <summary>Tables in the way go round by the end once, L1 perhaps once more.</summary>
    private const int MostPasses = 8;

    private readonly IImageStorage _storage;
    private readonly RepairLog _log;
    private readonly IProgress<OperationProgress>? _progress;
    private readonly bool _isDryRun;
    private readonly bool _canCut;
    private readonly ClusterCopier _copier;
    private QedHeader _header;
    private long _movedData;
    private long _movedTables;

    // Something cannot be read: what moves no further is cut, and no more.
    private bool _isStuck;
    private bool _canEvacuate = true;

    public LeakReclaimer(IImageStorage storage, QedHeader header, RepairLog log, IProgress<OperationProgress>? progress, bool isDryRun)
    {
        _storage = storage;
        _header = header;
        _log = log;
        _progress = progress;
        _isDryRun = isDryRun;
        _copier = new ClusterCopier(storage, header.Geometry);
        _canCut = (storage.Facts & StorageFacts.CanSetLength) != 0;
    }

    private QedGeometry Geometry => _header.Geometry;

    /// <summary>Reclaims all leaks that can be; returns how many, and the header as it is then.</summary>
    public async ValueTask<(long Reclaimed, QedHeader Header)> RunAsync<TIo>(CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        long lengthAtFirst = _storage.GetLength();
        long leaksAtFirst = -1;
        long left = 0;
        for (int pass = 0; pass < MostPasses; pass++)
        {
            long length = _storage.GetLength();
            TableScan scan = new(_storage, _header, _progress);
            UsedClusters used = await FindUsedAsync<TIo>(length, cancellationToken).ConfigureAwait(false);
            long leaks = used.FreeCount;
            long usedEnd = used.UsedEndBytes >> Geometry.ClusterBits;
            leaksAtFirst = leaksAtFirst < 0 ? leaks : leaksAtFirst;
            left = leaks;
            if (!_canCut)
            {
                await PunchAsync<TIo>(used, leaks, cancellationToken).ConfigureAwait(false);
                return (0, _header);
            }

            RelocationPlan plan = used.PlanMoves();
            if (_isDryRun)
            {
                left = plan.EndAfterEvacuation - _header.HeaderClusters - used.All.SetCount;
                Report(leaks - left, lengthAtFirst, plan.EndAfterEvacuation << Geometry.ClusterBits);
                return (leaks - left, _header);
            }

            if (used.UsedEndBytes < length)
            {
                await CutAsync<TIo>(usedEnd, cancellationToken).ConfigureAwait(false);
                left -= used.All.ClusterCount - usedEnd;
            }

            if (left == 0)
            {
                break;
            }

            if (!await MoveAsync<TIo>(scan, plan, usedEnd, cancellationToken).ConfigureAwait(false))
            {
                await PunchAsync<TIo>(used, left, cancellationToken).ConfigureAwait(false);
                break;
            }
        }

        Report(leaksAtFirst - left, lengthAtFirst, _storage.GetLength());
        return (leaksAtFirst - left, _header);
    }

    private async ValueTask<UsedClusters> FindUsedAsync<TIo>(long lengthBytes, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        QedReferenceRules rules = new(_header, lengthBytes);
        UsedClusters used = new(_header, Geometry.RoundDown(lengthBytes))
        {
            RulesFor = _ => rules,
            Damaged = (what, offset) => new ImageException(
                ImageErrorKind.Io, $"{_storage.Name}: {what}; the check just before has read something else there. Look at the device.", _storage.Name, "repair", unchecked((long)offset)),
        };
        _progress?.Report(new OperationProgress(0, lengthBytes, "looking for room"));
        await used.FindAsync<TIo>(new MetadataWalk(_storage, _header), cancellationToken).ConfigureAwait(false);
        return used;
    }

    /// <summary>Moves what is to move next; false when nothing can be gained any more.</summary>
    private async ValueTask<bool> MoveAsync<TIo>(TableScan scan, RelocationPlan plan, long usedEnd, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        if (_isStuck)
        {
            return false;
        }

        if (plan.TablesInTheWay.Count > 0 && _canEvacuate)
        {
            TableMove[] moves = [.. plan.TablesInTheWay.Select((table, index) => new TableMove(table, usedEnd + ((long)index * Geometry.TableClusters)))];
            _canEvacuate = await TakeRoomAsync<TIo>(usedEnd, (long)moves.Length * Geometry.TableClusters, cancellationToken).ConfigureAwait(false);
            if (_canEvacuate)
            {
                await MoveTablesAsync<TIo>(moves, cancellationToken).ConfigureAwait(false);
                return true;
            }
        }

        if (plan.FinalEnd >= usedEnd)
        {
            return false;
        }

        RepairBatch batch = new(_storage, Geometry, isDryRun: false)
        {
            OnUnreadable = (cluster, _, exception) => GetStuck($"the cluster at {cluster << Geometry.ClusterBits}", exception),
        };
        DataMover mover = new(Geometry, plan, batch);
        try
        {
            await scan.VisitL2Async<TIo>(static (_, _) => true, mover, "moving data", cancellationToken).ConfigureAwait(false);
            await batch.FlushAsync<TIo>(cancellationToken).ConfigureAwait(false);
        }
        catch (ImageException exception) when (exception.Kind == ImageErrorKind.OutOfSpace && batch.IsCopying)
        {
            LackRoom(exception);
            return true;
        }

        _movedData += mover.MovedCount;
        if (!_isStuck)
        {
            await MoveTablesAsync<TIo>(plan.TableMoves, cancellationToken).ConfigureAwait(false);
        }

        return true;
    }

    private async ValueTask<bool> TakeRoomAsync<TIo>(long end, long clusters, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        try
        {
            await TIo.AllocateAsync(_storage, end << Geometry.ClusterBits, clusters << Geometry.ClusterBits, cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (ImageException exception) when (exception.Kind == ImageErrorKind.OutOfSpace)
        {
            await CutAsync<TIo>(end, cancellationToken).ConfigureAwait(false);
            _log.LeaveAlone($"the volume has no room to move {clusters / Geometry.TableClusters} tables between which there are holes");
            return false;
        }
    }

    /// <summary>Copies tables, then links the copies.</summary>
    private async ValueTask MoveTablesAsync<TIo>(IReadOnlyList<TableMove> moves, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        // Entries that have led to what are now windows for tables were changed behind the last barrier.
        await TIo.BarrierAsync(_storage, cancellationToken).ConfigureAwait(false);
        List<TableMove> copied = [];
        TableMove? l1 = null;
        foreach (TableMove move in moves)
        {
            if (move.From << Geometry.ClusterBits == _header.L1TableOffset)
            {
                l1 = move;
            }
            else if (await CopyTableAsync<TIo>(move, cancellationToken).ConfigureAwait(false))
            {
                copied.Add(move);
            }
        }

        if (copied.Count > 0)
        {
            await LinkAsync<TIo>(copied, cancellationToken).ConfigureAwait(false);
        }

        if (l1 is { } last && !_isStuck)
        {
            await MoveL1Async<TIo>(last, cancellationToken).ConfigureAwait(false);
        }

        _movedTables += moves.Count;
    }

    private async ValueTask<bool> CopyTableAsync<TIo>(TableMove move, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        ImageException? exception;
        try
        {
            exception = await _copier.CopyAsync<TIo>(move.From, move.To, Geometry.TableClusters, cancellationToken).ConfigureAwait(false);
        }
        catch (ImageException full) when (full.Kind == ImageErrorKind.OutOfSpace)
        {
            LackRoom(full);
            return false;
        }

        if (exception is not null)
        {
            GetStuck($"the table at {move.From << Geometry.ClusterBits}", exception);
        }

        return exception is null;
    }

    private async ValueTask LinkAsync<TIo>(IReadOnlyList<TableMove> moves, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        RepairBatch batch = new(_storage, Geometry, isDryRun: false);
        TableLinker linker = new(_header, moves, batch);
        await new TableScan(_storage, _header, _progress).VisitL1Async<TIo>(linker, cancellationToken).ConfigureAwait(false);
        await batch.FlushAsync<TIo>(cancellationToken).ConfigureAwait(false);
        await TIo.BarrierAsync(_storage, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask MoveL1Async<TIo>(TableMove move, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        if (!await CopyTableAsync<TIo>(move, cancellationToken).ConfigureAwait(false))
        {
            return;
        }

        await TIo.BarrierAsync(_storage, cancellationToken).ConfigureAwait(false);
        QedHeader header = _header with { L1TableOffset = move.To << Geometry.ClusterBits };
        await QedHeaderFile.WriteAsync<TIo>(_storage, header, cancellationToken).ConfigureAwait(false);
        await TIo.BarrierAsync(_storage, cancellationToken).ConfigureAwait(false);
        _header = header;
    }

    private void GetStuck(string what, ImageException exception)
    {
        _isStuck = true;
        _log.LeaveAlone($"{what} cannot be read and stays where it is: {exception.Message}");
    }

    // Holes become data where something moves into them, before its old place becomes one.
    private void LackRoom(ImageException exception)
    {
        _isStuck = true;
        _log.LeaveAlone($"the volume has no room to move what lies behind clusters that nothing refers to: {exception.Message}");
    }

    private async ValueTask CutAsync<TIo>(long endCluster, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        await TIo.BarrierAsync(_storage, cancellationToken).ConfigureAwait(false);
        await TIo.SetLengthAsync(_storage, endCluster << Geometry.ClusterBits, cancellationToken).ConfigureAwait(false);
        await TIo.BarrierAsync(_storage, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask PunchAsync<TIo>(UsedClusters used, long leaks, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        if (leaks == 0)
        {
            return;
        }

        if ((_storage.Facts & StorageFacts.CanPunchHoles) == 0)
        {
            _log.LeaveAlone($"{leaks} clusters that nothing refers to cannot be given back");
            return;
        }

        if (!_isDryRun)
        {
            await TIo.BarrierAsync(_storage, cancellationToken).ConfigureAwait(false);
            foreach ((long first, long count) in used.FreeRuns())
            {
                cancellationToken.ThrowIfCancellationRequested();
                long inside = Math.Min(count, (_storage.GetLength() >> Geometry.ClusterBits) - first);
                if (inside <= 0)
                {
                    break;
                }

                await TIo.PunchHoleAsync(_storage, first << Geometry.ClusterBits, inside << Geometry.ClusterBits, cancellationToken).ConfigureAwait(false);
            }
        }

        _log.Add(new RepairAction(
            RepairActionKind.ReclaimedLeaks,
            $"the room of {leaks} clusters that nothing refers to was given back where they are; they still count as leaks, because the file {(_canCut ? "could not be rearranged" : "cannot be cut")}",
            LengthBytes: leaks << Geometry.ClusterBits));
    }

    private void Report(long reclaimed, long lengthBefore, long lengthAfter)
    {
        if (reclaimed > 0)
        {
            string moved = _movedData + _movedTables == 0 ? "" : $"; {_movedData} data clusters and {_movedTables} tables were moved into free places";
            _log.Add(new RepairAction(RepairActionKind.ReclaimedLeaks, $"{reclaimed} clusters that nothing refers to were given back{moved}", LengthBytes: reclaimed << Geometry.ClusterBits));
        }

        if (lengthAfter < lengthBefore)
        {
            _log.Add(new RepairAction(RepairActionKind.TrimmedTail, $"the file was cut from {lengthBefore} to {lengthAfter} bytes", LengthBytes: lengthBefore - lengthAfter));
        }
    }
}
