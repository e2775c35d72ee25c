namespace QedVd.Backends.Qed;

internal sealed partial class QedImage
{
    private bool NeverWrittenReadsZero => (_storage.Facts & StorageFacts.NeverWrittenReadsZero) != 0;

    /// <summary>
    /// Gives clusters to a run that has none, writes the guest's bytes, then publishes the entries.
    /// Returns the bytes handled, from the start of the run; 0 when somebody else was there first: look again.
    /// </summary>
    private async ValueTask<long> AllocateAsync<TIo>(long offset, IoBuffer buffer, ExtentKind kind, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        long first = offset >> _clusterBits;
        long last = Math.Min((offset + (buffer.Length - 1)) >> _clusterBits, first | SliceKey.EntryMask);
        RunClaim? claim = _claims.TryClaim(first, ref last, out Task? taken);
        if (claim is null)
        {
            await TIo.WaitAsync(taken!, cancellationToken).ConfigureAwait(false);
            return 0;
        }

        try
        {
            await _allocator.SettleAsync<TIo>(cancellationToken).ConfigureAwait(false);
            int l1Index = _map.L1IndexOf(offset);
            long table = await EnsureTableAsync<TIo>(l1Index, cancellationToken).ConfigureAwait(false);
            SlicePlace place = new(SliceKey.ForCluster(first), _map.L2SliceOffset(table, first), l1Index);
            using SliceLease slice = await _map.AcquireL2Async<TIo>(table, first, forWriting: true, cancellationToken).ConfigureAwait(false);

            int index = (int)(first & SliceKey.EntryMask);
            int wanted = CountEqual(slice, index, (int)(last - first) + 1, kind == ExtentKind.Zero ? SliceEntry.Zero : SliceEntry.Unallocated);
            if (wanted == 0)
            {
                return 0;
            }

            Reservation reservation = _allocator.Reserve(wanted);
            int inCluster = (int)(offset & (_clusterBytes - 1));
            int length = (int)Math.Min(buffer.Length, (reservation.Clusters * _clusterBytes) - inCluster);
            await EnsureLengthAsync<TIo>(reservation, cancellationToken).ConfigureAwait(false);
            try
            {
                await WriteNewClustersAsync<TIo>(reservation, inCluster, buffer.Slice(0, length), cancellationToken).ConfigureAwait(false);
            }
            catch
            {
                _allocator.GiveBack(reservation);
                throw;
            }

            bool isOrdered = !reservation.IsFresh || !NeverWrittenReadsZero
                || (kind == ExtentKind.Free && _beneath.Value.MayHoldDataAt(first << _clusterBits));
            _dirty.Publish(slice.Page!, place, index, reservation.Clusters, reservation.Offset, _clusterBytes, isOrdered);
            _timer.Arm(isFree: !isOrdered);
            return length;
        }
        finally
        {
            _claims.Release(claim);
        }
    }

    /// <summary>The file covers a cluster before any entry names it.</summary>
    private async ValueTask EnsureLengthAsync<TIo>(Reservation reservation, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        try
        {
            await _allocator.EnsureLengthAsync<TIo>(reservation.Offset + (reservation.Clusters * _clusterBytes), cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            _allocator.Withdraw(reservation);
            throw;
        }
    }

    /// <summary>The guest's bytes and, unless the rest of the clusters reads as zero anyway, zeros around them.</summary>
    private async ValueTask WriteNewClustersAsync<TIo>(Reservation clusters, int inCluster, IoBuffer buffer, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        long end = clusters.Offset + (clusters.Clusters * _clusterBytes);
        long dataStart = clusters.Offset + inCluster;
        long dataEnd = dataStart + buffer.Length;
        bool fill = !clusters.IsFresh || !NeverWrittenReadsZero;
        if (fill)
        {
            await StorageZeros.WriteAsync<TIo>(_storage, clusters.Offset, inCluster, cancellationToken).ConfigureAwait(false);
        }

        await TIo.WriteAsync(_storage, dataStart, buffer, cancellationToken).ConfigureAwait(false);
        if (fill)
        {
            await StorageZeros.WriteAsync<TIo>(_storage, dataEnd, end - dataEnd, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>The L2 table of an L1 entry; made when there is none. Its room is taken now, so that a full volume fails this write and no flush.</summary>
    private async ValueTask<long> EnsureTableAsync<TIo>(int l1Index, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        while (true)
        {
            long table = await _map.LookupTableAsync<TIo>(l1Index, cancellationToken).ConfigureAwait(false);
            if (table != 0)
            {
                _knownTables.Add(table);
                return table;
            }

            // Claims of tables are below those of clusters.
            long number = ~(long)l1Index;
            RunClaim? claim = _claims.TryClaim(number, ref number, out Task? taken);
            if (claim is null)
            {
                await TIo.WaitAsync(taken!, cancellationToken).ConfigureAwait(false);
                continue;
            }

            try
            {
                using SliceLease l1 = await _map.AcquireL1Async<TIo>(l1Index, forWriting: true, cancellationToken).ConfigureAwait(false);
                if (l1.Get(l1Index & SliceKey.EntryMask) == SliceEntry.Unallocated)
                {
                    table = await MakeTableAsync<TIo>(cancellationToken).ConfigureAwait(false);
                    _knownTables.Add(table);
                    _freeTables.Remove(l1Index);
                    _dirty.PublishTable(l1.Page!, _map.L1SliceOffset(l1Index), new NewTable(l1Index, table));
                    _timer.Arm(isFree: false);
                }
            }
            finally
            {
                _claims.Release(claim);
            }
        }
    }

    private async ValueTask<long> MakeTableAsync<TIo>(CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        long bytes = _header.Geometry.TableBytes;
        Reservation reservation = _allocator.ReserveFresh(_header.Geometry.TableClusters);
        await EnsureLengthAsync<TIo>(reservation, cancellationToken).ConfigureAwait(false);
        try
        {
            if (NeverWrittenReadsZero)
            {
                await TIo.AllocateAsync(_storage, reservation.Offset, bytes, cancellationToken).ConfigureAwait(false);
            }
            else
            {
                await StorageZeros.WriteAsync<TIo>(_storage, reservation.Offset, bytes, cancellationToken).ConfigureAwait(false);
            }

            return reservation.Offset;
        }
        catch
        {
            // Nothing but zeros was written there, if anything.
            _allocator.Withdraw(reservation);
            throw;
        }
    }

    private static int CountEqual(in SliceLease slice, int index, int count, ulong entry)
    {
        int equal = 0;
        while (equal < count && slice.Get(index + equal) == entry)
        {
            equal++;
        }

        return equal;
    }

    /// <summary>Dirty tables are pinned memory: from a quarter of the budget on they are written back, from half of it on writers wait for that.</summary>
    private ValueTask LimitDirtyAsync<TIo>(CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        long dirtyPages = _pool.DirtyPages;
        if (dirtyPages * 4 < _pool.CapacityPages || _dirty.Count == 0)
        {
            return default;
        }

        if (dirtyPages * 2 >= _pool.CapacityPages)
        {
            return _writer.CommitAsync<TIo>(cancellationToken);
        }

        _timer.CommitNow();
        return default;
    }
}
