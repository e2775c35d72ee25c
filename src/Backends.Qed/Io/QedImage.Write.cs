namespace QedVd.Backends.Qed;

internal sealed partial class QedImage
{
    // Whether anything was changed since the image was opened: what was not written need not be flushed at the close.
    private bool _isChanged;

    private bool IsWriteThrough => _options.Mode == ConsistencyMode.WriteThrough;

    /// <inheritdoc/>
    public override WriteResult Write(long offset, ReadOnlySpan<byte> buffer, WriteFlags flags = WriteFlags.None)
    {
        CheckWrite(offset, buffer.Length);
        int slot = _epochs.Enter();
        try
        {
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
        CheckWrite(offset, buffer.Length);
        int slot = _epochs.Enter();
        bool leave = true;
        try
        {
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
        MapRun run = await _map.LookupAsync<TIo>(offset, buffer.Length, cancellationToken).ConfigureAwait(false);
        if (run.Kind != ExtentKind.Data)
        {
            throw ImageException.NotSupported("allocating", Name);
        }

        CheckNoTable(run);
        _isChanged = true;
        await TIo.WriteAsync(_storage, run.StorageOffset, buffer.Slice(0, (int)run.LengthBytes), cancellationToken).ConfigureAwait(false);
        return WriteResult.Done(run.LengthBytes);
    }

    /// <inheritdoc/>
    protected override ValueTask<WriteResult> WriteZeroesCore<TIo>(long offset, long lengthBytes, WriteFlags flags, CancellationToken cancellationToken) =>
        throw ImageException.NotSupported("writing zeroes", Name);

    /// <summary>Whether a write is nothing but one write to clusters that are there. Everything else takes the general way.</summary>
    private bool TryFindInPlace(long offset, int lengthBytes, WriteFlags flags, out MapRun run)
    {
        if (lengthBytes == 0 || IsWriteThrough || (flags & WriteFlags.ForceUnitAccess) != 0
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
