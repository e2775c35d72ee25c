namespace QedVd.Backends.Qed;

internal sealed partial class QedImage
{
    /// <inheritdoc/>
    public override bool TryMap(long offset, long lengthBytes, out Extent extent)
    {
        CheckInside(offset, lengthBytes);
        if (_freeTables.Covers(offset, lengthBytes))
        {
            extent = new Extent(ExtentKind.Free, lengthBytes);
            return true;
        }

        if (lengthBytes == 0 || !_map.TryLookup(offset, lengthBytes, out MapRun run))
        {
            extent = default;
            return false;
        }

        extent = new Extent(run.Kind, run.LengthBytes, run.StorageOffset, run.Kind == ExtentKind.Data);
        return true;
    }

    /// <inheritdoc/>
    public override ReadResult Read(long offset, Span<byte> buffer)
    {
        CheckInside(offset, buffer.Length);
        if (buffer.Length == 0)
        {
            return new ReadResult(ExtentKind.Zero, 0);
        }

        int slot = _epochs.Enter();
        try
        {
            if (_map.TryLookup(offset, buffer.Length, out MapRun run))
            {
                int length = (int)run.LengthBytes;
                if (run.Kind == ExtentKind.Data)
                {
                    CheckRead(run, _storage.Read(run.StorageOffset, buffer[..length]));
                }

                return new ReadResult(run.Kind, length);
            }
        }
        finally
        {
            _epochs.Exit(slot);
        }

        return base.Read(offset, buffer);
    }

    /// <inheritdoc/>
    public override ValueTask<ReadResult> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        CheckInside(offset, buffer.Length);
        if (buffer.Length == 0)
        {
            return new(new ReadResult(ExtentKind.Zero, 0));
        }

        int slot = _epochs.Enter();
        bool leave = true;
        try
        {
            if (_map.TryLookup(offset, buffer.Length, out MapRun run))
            {
                int length = (int)run.LengthBytes;
                if (run.Kind == ExtentKind.Data)
                {
                    ValueTask<int> reading = _storage.ReadAsync(run.StorageOffset, buffer[..length], cancellationToken);
                    if (!reading.IsCompletedSuccessfully)
                    {
                        leave = false;
                        return EndReadAsync(reading, run, slot);
                    }

                    CheckRead(run, SyncIo.Complete(reading));
                }

                return new(new ReadResult(run.Kind, length));
            }
        }
        finally
        {
            if (leave)
            {
                _epochs.Exit(slot);
            }
        }

        return base.ReadAsync(offset, buffer, cancellationToken);
    }

    /// <inheritdoc/>
    protected override async ValueTask<ReadResult> ReadCore<TIo>(long offset, IoBuffer buffer, CancellationToken cancellationToken)
    {
        int slot = _epochs.Enter();
        try
        {
            MapRun run = await _map.LookupAsync<TIo>(offset, buffer.Length, cancellationToken).ConfigureAwait(false);
            int length = (int)run.LengthBytes;
            if (run.Kind == ExtentKind.Data)
            {
                CheckRead(run, await TIo.ReadAsync(_storage, run.StorageOffset, buffer.Slice(0, length), cancellationToken).ConfigureAwait(false));
            }

            return new ReadResult(run.Kind, length);
        }
        finally
        {
            _epochs.Exit(slot);
        }
    }

    /// <summary><see cref="DiskImageBase.CheckRange"/> without its virtual calls; QED needs no alignment.</summary>
    private void CheckInside(long offset, long lengthBytes)
    {
        if ((offset | lengthBytes) < 0 || offset > _virtualSizeBytes - lengthBytes)
        {
            CheckRange(offset, lengthBytes);
        }
    }

    private async ValueTask<ReadResult> EndReadAsync(ValueTask<int> reading, MapRun run, int slot)
    {
        try
        {
            CheckRead(run, await reading.ConfigureAwait(false));
            return new ReadResult(run.Kind, (int)run.LengthBytes);
        }
        finally
        {
            _epochs.Exit(slot);
        }
    }

    /// <summary>A short read inside a mapped cluster means that the file was cut: the missing bytes are lost, not zero.</summary>
    private void CheckRead(in MapRun run, int bytesRead)
    {
        if (bytesRead != run.LengthBytes)
        {
            if (!IsReadOnly)
            {
                _writer.ThrowIfCut();
            }

            throw new ImageException(
                ImageErrorKind.Io,
                $"{Name}: the file is truncated: data needs {run.LengthBytes} bytes at {run.StorageOffset}, and the file ends after {bytesRead} of them.",
                Name,
                "read",
                run.StorageOffset);
        }
    }
}
