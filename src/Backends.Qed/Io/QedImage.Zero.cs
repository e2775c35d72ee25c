namespace QedVd.Backends.Qed;

internal sealed partial class QedImage
{
    private bool CanPunchHoles => (_storage.Facts & StorageFacts.CanPunchHoles) != 0;

    /// <inheritdoc/>
    protected override async ValueTask<WriteResult> WriteZeroesCore<TIo>(long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken)
    {
        WriteResult result = await ZeroAsync<TIo>(offset, lengthBytes, flags, isDiscard: false, cancellationToken).ConfigureAwait(false);
        await EndWriteAsync<TIo>(result, flags, cancellationToken).ConfigureAwait(false);
        return result;
    }

    /// <inheritdoc/>
    protected override async ValueTask<WriteResult> DiscardCore<TIo>(long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken)
    {
        WriteResult result = await ZeroAsync<TIo>(offset, lengthBytes, flags, isDiscard: true, cancellationToken).ConfigureAwait(false);
        await EndWriteAsync<TIo>(result, flags, cancellationToken).ConfigureAwait(false);
        return result;
    }

    private async ValueTask<WriteResult> ZeroAsync<TIo>(long offset, long lengthBytes, WriteFlags flags, bool isDiscard, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        long done = 0;
        while (done < lengthBytes)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int slot = EnterWriter(out WriteHold? hold);
            try
            {
                if (done > 0 && IsReadOnly)
                {
                    // It became so between two runs; whoever asks for the rest is told.
                    return WriteResult.Done(done);
                }

                CheckMayWrite(offset, lengthBytes);
                MapRun run = await _map.LookupAsync<TIo>(offset + done, lengthBytes - done, cancellationToken).ConfigureAwait(false);
                if (!IsHeld(hold, offset + done, run.LengthBytes))
                {
                    hold = null;
                    (long handled, bool isFree) = await ZeroRunAsync<TIo>(offset + done, run, flags, isDiscard, isFirst: done == 0, cancellationToken).ConfigureAwait(false);
                    if (isFree)
                    {
                        return done > 0 ? WriteResult.Done(done) : AnswerZero(offset, run.LengthBytes, flags);
                    }

                    if (handled < 0)
                    {
                        return WriteResult.Done(done);
                    }

                    done += handled;
                }
            }
            finally
            {
                _epochs.Exit(slot);
            }

            if (hold is not null)
            {
                await TIo.WaitAsync(hold.Ended, cancellationToken).ConfigureAwait(false);
            }
        }

        return WriteResult.Done(lengthBytes);
    }

    /// <summary>Zeroes a run, inside an epoch: how much of it was handled (0: look again; negative: no more of it can be done fast), or that the host has to help.</summary>
    private async ValueTask<(long Handled, bool IsFree)> ZeroRunAsync<TIo>(long offset, MapRun run, WriteFlags flags, bool isDiscard, bool isFirst, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        if (run.Kind == ExtentKind.Zero)
        {
            return (run.LengthBytes, false);
        }

        if (run.Kind == ExtentKind.Free)
        {
            return await ZeroFreeAsync<TIo>(offset, run.LengthBytes, flags, isDiscard, cancellationToken).ConfigureAwait(false);
        }

        if (!CanPunchHoles && (flags & WriteFlags.FastOnly) != 0 && !isDiscard)
        {
            return isFirst ? throw ImageException.NotSupported("zeroing allocated clusters without writing zeros", Name) : (-1, false);
        }

        await ZeroInPlaceAsync<TIo>(run, isDiscard, cancellationToken).ConfigureAwait(false);
        return (run.LengthBytes, false);
    }

    private WriteResult AnswerZero(long offset, long lengthBytes, WriteFlags flags) => (flags & WriteFlags.NoAllocate) != 0
        ? WritePlan.AnswerFree(_header.Geometry, offset, lengthBytes)
        : WritePlan.AnswerFirstCluster(_header.Geometry, offset, lengthBytes);

    /// <summary>Gives the room back and keeps the mapping: nothing leaks, and nothing can be handed out twice.</summary>
    private async ValueTask ZeroInPlaceAsync<TIo>(MapRun run, bool isDiscard, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        CheckNoTable(run);
        _isChanged = true;
        if (CanPunchHoles)
        {
            await TIo.PunchHoleAsync(_storage, run.StorageOffset, run.LengthBytes, cancellationToken).ConfigureAwait(false);
        }
        else if (!isDiscard)
        {
            await StorageZeros.WriteAsync<TIo>(_storage, run.StorageOffset, run.LengthBytes, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Zeroes the start of a free run: how much of it was handled (0: look again), or that the host has to help.</summary>
    private async ValueTask<(long Handled, bool IsFree)> ZeroFreeAsync<TIo>(long offset, long lengthBytes, WriteFlags flags, bool isDiscard, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        Beneath beneath = _beneath.Value;
        bool honorZeroes = (_openFlags & ImageOpenFlags.HonorZeroes) != 0 && !isDiscard;
        if (!honorZeroes && !beneath.MayHoldDataAt(_header.Geometry.RoundDown(offset)))
        {
            return (lengthBytes, false);
        }

        bool noAllocate = (flags & WriteFlags.NoAllocate) != 0;
        long inFirst = Math.Min(lengthBytes, _clusterBytes - (offset & (_clusterBytes - 1)));
        long whole = WritePlan.AllocatableBytes(_header.Geometry, Beneath.Unknown, _virtualSizeBytes, offset, lengthBytes);
        if (isDiscard)
        {
            // A marker in a table that is there takes no room. A table for markers alone would take room where some was to be given back.
            bool hasTable = await _map.LookupTableAsync<TIo>(_map.L1IndexOf(offset), cancellationToken).ConfigureAwait(false) != 0;
            if (!hasTable || noAllocate || whole == 0)
            {
                return (hasTable && !noAllocate ? inFirst : lengthBytes, false);
            }
        }
        else if (whole == 0 || noAllocate)
        {
            // Over nothing, with zeros to be honoured: a part of a cluster reads as zero as it is.
            return !noAllocate && !beneath.MayHoldDataAt(_header.Geometry.RoundDown(offset)) ? (inFirst, false) : (0, true);
        }

        return (await MarkZeroAsync<TIo>(offset, whole, cancellationToken).ConfigureAwait(false), false);
    }

    /// <summary>Puts the zero marker on whole clusters of a free run, as far as one slice goes; 0 when somebody else was there first.</summary>
    private async ValueTask<long> MarkZeroAsync<TIo>(long offset, long lengthBytes, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        await LimitDirtyAsync<TIo>(cancellationToken).ConfigureAwait(false);
        await PrepareToAllocateAsync<TIo>(cancellationToken).ConfigureAwait(false);
        long first = offset >> _clusterBits;
        long last = Math.Min((offset + (lengthBytes - 1)) >> _clusterBits, first | SliceKey.EntryMask);
        RunClaim? claim = _claims.TryClaim(first, ref last, out Task? taken);
        if (claim is null)
        {
            await TIo.WaitAsync(taken!, cancellationToken).ConfigureAwait(false);
            return 0;
        }

        try
        {
            // The marker may need a table, and that is an allocation like any other.
            await _allocator.SettleAsync<TIo>(cancellationToken).ConfigureAwait(false);
            int l1Index = _map.L1IndexOf(offset);
            long table = await EnsureTableAsync<TIo>(l1Index, cancellationToken).ConfigureAwait(false);
            SlicePlace place = new(SliceKey.ForCluster(first), _map.L2SliceOffset(table, first), l1Index);
            using SliceLease slice = await _map.AcquireL2Async<TIo>(table, first, forWriting: true, cancellationToken).ConfigureAwait(false);
            int index = (int)(first & SliceKey.EntryMask);
            int count = CountEqual(slice, index, (int)(last - first) + 1, SliceEntry.Unallocated);
            if (count > 0)
            {
                // Lost or not, the cluster reads as it did before or as zero: no order is needed.
                _dirty.Publish(slice.Page!, place, index, count, (long)SliceEntry.Zero, 0, isOrdered: false);
                _timer.Arm(isFree: true);
            }

            return Math.Min(lengthBytes, count * _clusterBytes);
        }
        finally
        {
            _claims.Release(claim);
        }
    }
}
