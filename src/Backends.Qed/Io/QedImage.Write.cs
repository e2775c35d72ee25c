namespace QedVd.Backends.Qed;

internal sealed partial class QedImage
{
    // Whether anything was changed since the image was opened: what was not written need not be flushed at the close.
    private bool _isChanged;

    private bool IsWriteThrough => _options.Mode == ConsistencyMode.WriteThrough;

    /// <inheritdoc/>
    public override WriteResult Write(long offset, ReadOnlySpan<byte> buffer, WriteFlags flags = WriteFlags.None)
    {
        int slot = _epochs.Enter();
        try
        {
            CheckMayWrite(offset, buffer.Length);
            if (TryFindInPlace(offset, buffer.Length, flags, out MapRun run))
            {
                _storage.Write(run.StorageOffset, buffer[..(int)run.LengthBytes]);
                return WriteResult.Done(run.LengthBytes);
            }
        }
        finally
        {
            _epochs.Exit(slot);
        }

        return base.Write(offset, buffer, flags);
    }

    /// <inheritdoc/>
    public override ValueTask<WriteResult> WriteAsync(long offset, ReadOnlyMemory<byte> buffer, WriteFlags flags = WriteFlags.None, CancellationToken cancellationToken = default)
    {
        int slot = _epochs.Enter();
        bool leave = true;
        try
        {
            CheckMayWrite(offset, buffer.Length);
            if (TryFindInPlace(offset, buffer.Length, flags, out MapRun run))
            {
                ValueTask writing = _storage.WriteAsync(run.StorageOffset, buffer[..(int)run.LengthBytes], cancellationToken);
                if (!writing.IsCompletedSuccessfully)
                {
                    leave = false;
                    return EndWriteAsync(writing, run.LengthBytes, slot);
                }

                return new(WriteResult.Done(run.LengthBytes));
            }
        }
        finally
        {
            if (leave)
            {
                _epochs.Exit(slot);
            }
        }

        return base.WriteAsync(offset, buffer, flags, cancellationToken);
    }

    /// <inheritdoc/>
    protected override async ValueTask<WriteResult> WriteCore<TIo>(long offset, IoBuffer buffer, WriteFlags flags, CancellationToken cancellationToken)
    {
        WriteResult result = buffer.Length == 0
            ? WriteResult.Done(0)
            : await WriteRunAsync<TIo>(offset, buffer, flags, cancellationToken).ConfigureAwait(false);
        await EndWriteAsync<TIo>(result, flags, cancellationToken).ConfigureAwait(false);
        return result;
    }

    private async ValueTask<WriteResult> WriteRunAsync<TIo>(long offset, IoBuffer buffer, WriteFlags flags, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        while (true)
        {
            int slot = EnterWriter(out WriteHold? hold);
            try
            {
                CheckMayWrite(offset, buffer.Length);
                if (!IsHeld(hold, offset, buffer.Length))
                {
                    return await WriteRunInEpochAsync<TIo>(offset, buffer, flags, cancellationToken).ConfigureAwait(false);
                }
            }
            finally
            {
                _epochs.Exit(slot);
            }

            await TIo.WaitAsync(hold!.Ended, cancellationToken).ConfigureAwait(false);
        }
    }

    private async ValueTask<WriteResult> WriteRunInEpochAsync<TIo>(long offset, IoBuffer buffer, WriteFlags flags, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        while (true)
        {
            MapRun run = await _map.LookupAsync<TIo>(offset, buffer.Length, cancellationToken).ConfigureAwait(false);
            if (run.Kind == ExtentKind.Data)
            {
                CheckNoTable(run);
                _isChanged = true;
                await TIo.WriteAsync(_storage, run.StorageOffset, buffer.Slice(0, (int)run.LengthBytes), cancellationToken).ConfigureAwait(false);
                return WriteResult.Done(run.LengthBytes);
            }

            if ((flags & WriteFlags.NoAllocate) != 0)
            {
                return WritePlan.AnswerFree(_header.Geometry, offset, run.LengthBytes);
            }

            // A zero cluster reads as zero whatever lies beneath, so that a part of it may be written.
            long length = run.Kind == ExtentKind.Zero
                ? run.LengthBytes
                : WritePlan.AllocatableBytes(_header.Geometry, _beneath.Value, _virtualSizeBytes, offset, run.LengthBytes);
            if (length == 0)
            {
                return WritePlan.AnswerFirstCluster(_header.Geometry, offset, run.LengthBytes);
            }

            await LimitDirtyAsync<TIo>(cancellationToken).ConfigureAwait(false);
            await PrepareToAllocateAsync<TIo>(cancellationToken).ConfigureAwait(false);
            long written = await AllocateAsync<TIo>(offset, buffer.Slice(0, (int)length), run.Kind, cancellationToken).ConfigureAwait(false);
            if (written > 0)
            {
                return WriteResult.Done(written);
            }
        }
    }

    /// <summary>Does what the mode or the request asks for before a write is acknowledged.</summary>
    private ValueTask EndWriteAsync<TIo>(in WriteResult result, WriteFlags flags, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        if (result.IsFree)
        {
            return default;
        }

        if (IsWriteThrough || (flags & WriteFlags.ForceUnitAccess) != 0)
        {
            return FlushCore<TIo>(cancellationToken);
        }

        return _options.Mode == ConsistencyMode.Lazy && _dirty.Count > 0 ? WriteOutAsync<TIo>(cancellationToken) : default;
    }

    /// <summary>Lazy mode: the end of the process must lose nothing, so that the entries go out now, with barriers only where order needs them.</summary>
    private async ValueTask WriteOutAsync<TIo>(CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        await _writer.WriteFreeAsync<TIo>().ConfigureAwait(false);
        if (_dirty.Count > 0)
        {
            await _writer.CommitAsync<TIo>(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Inside an epoch: who makes the image read-only waits for those that have passed here.</summary>
    private void CheckMayWrite(long offset, long lengthBytes)
    {
        if ((_openFlags & (ImageOpenFlags.ReadOnly | ImageOpenFlags.Info)) != 0 || _writer.IsFenced
            || (offset | lengthBytes) < 0 || offset > _virtualSizeBytes - lengthBytes)
        {
            CheckWrite(offset, lengthBytes);
            _writer.ThrowIfFenced("write", offset);
        }
    }

    /// <summary>Whether a write is nothing but one write to clusters that are there. Everything else takes the general way.</summary>
    private bool TryFindInPlace(long offset, int lengthBytes, WriteFlags flags, out MapRun run)
    {
        if (lengthBytes == 0 || IsWriteThrough || (flags & WriteFlags.ForceUnitAccess) != 0 || Volatile.Read(ref _hold) is not null
            || !_map.TryLookup(offset, lengthBytes, out run) || run.Kind != ExtentKind.Data)
        {
            run = default;
            return false;
        }

        CheckNoTable(run);
        _isChanged = true;
        return true;
    }

    private async ValueTask<WriteResult> EndWriteAsync(ValueTask writing, long lengthBytes, int slot)
    {
        try
        {
            await writing.ConfigureAwait(false);
            return WriteResult.Done(lengthBytes);
        }
        finally
        {
            _epochs.Exit(slot);
        }
    }

    /// <summary>The table may have become known after the slice was proven that names it as data.</summary>
    private void CheckNoTable(in MapRun run)
    {
        if (!_knownTables.ContainsAny(run.StorageOffset, run.LengthBytes))
        {
            return;
        }

        for (long cluster = _header.Geometry.RoundDown(run.StorageOffset); cluster < run.StorageOffset + run.LengthBytes; cluster += _clusterBytes)
        {
            if (_knownTables.ContainsCluster(cluster))
            {
                throw new ImageException(
                    ImageErrorKind.Corrupt, $"{Name}: an L2 entry names the cluster at {cluster} as data, which belongs to an L2 table; check the image and repair it.", Name, "write", cluster);
            }
        }
    }
}
