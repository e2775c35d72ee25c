using System.Runtime.ExceptionServices;

namespace QedVd.Backends.Qed;

internal sealed partial class QedImage
{
    private readonly IoGate _headerGate = new();
    private readonly IoGate _changeGate = new();

    /// <inheritdoc/>
    /// <remarks>Meanwhile the image acts as over something unknown, which is right before and after. On failure the old answer stands.</remarks>
    protected override async ValueTask SetBeneathCore<TIo>(Beneath beneath, CancellationToken cancellationToken)
    {
        await _changeGate.EnterAsync<TIo>(cancellationToken).ConfigureAwait(false);
        BeneathHolder after = _beneath;
        try
        {
            if (after.Value != beneath)
            {
                Volatile.Write(ref _beneath, new BeneathHolder(Beneath.Unknown));
            }

            await _epochs.WaitForEarlierAsync<TIo>(cancellationToken).ConfigureAwait(false);

            // What was allowed to be lost as zeros over nothing must not be lost as something else over a parent.
            if (_isChanged)
            {
                await FlushCore<TIo>(cancellationToken).ConfigureAwait(false);
            }

            after = new BeneathHolder(beneath);
            _isBeneathTold = true;
        }
        finally
        {
            Volatile.Write(ref _beneath, after);
            _changeGate.Exit();
        }
    }

    /// <inheritdoc/>
    public override async ValueTask SetOpenFlagsAsync(ImageOpenFlags flags, CancellationToken cancellationToken = default)
    {
        await _changeGate.EnterAsync<AsyncIo>(cancellationToken).ConfigureAwait(false);
        try
        {
            await ChangeOpenFlagsAsync(flags, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _changeGate.Exit();
        }
    }

    private async ValueTask ChangeOpenFlagsAsync(ImageOpenFlags flags, CancellationToken cancellationToken)
    {
        ImageOpenFlags before = _openFlags;
        bool wasReadOnly = IsReadOnly;
        if (wasReadOnly && (flags & (ImageOpenFlags.ReadOnly | ImageOpenFlags.Info)) == 0)
        {
            await AllowWritingAsync(flags, cancellationToken).ConfigureAwait(false);
            return;
        }

        // New writes are refused from here on; those under way end first.
        _openFlags = flags;
        if (wasReadOnly || !IsReadOnly)
        {
            return;
        }

        try
        {
            await _epochs.WaitForEarlierAsync<AsyncIo>(cancellationToken).ConfigureAwait(false);
            _runWalk = null;
            await SettleForGoodAsync<AsyncIo>().ConfigureAwait(false);
        }
        catch
        {
            _openFlags = before;
            throw;
        }
    }

    /// <summary>Becoming writable takes what an opening for writing takes, with the storage as it is now.</summary>
    private async ValueTask AllowWritingAsync(ImageOpenFlags flags, CancellationToken cancellationToken)
    {
        QedImageStart start = await QedOpener.OpenAsync<AsyncIo>(Backend, _storage, _options with { Flags = flags }, cancellationToken).ConfigureAwait(false);
        QedHeader seen = _header;
        if (start.Header.Geometry != seen.Geometry || start.Header.L1TableOffset != seen.L1TableOffset || start.Header.VirtualSizeBytes != seen.VirtualSizeBytes)
        {
            throw new ImageException(ImageErrorKind.InUse, $"{Name}: the image was changed by someone else since it was opened; close it and open it again.", Name, "open");
        }

        // Somebody else may have written while this image could only be read: what is remembered of the tables goes, once nobody reads it.
        _allocator.Restart(start);
        _touched.Reset();
        Volatile.Write(ref _parent, start.Parent);
        Volatile.Write(ref _warnings, start.Warnings);
        await SwitchToAsync<AsyncIo>(start.Header, start.Tables ?? new KnownTables(start.Header.Geometry)).ConfigureAwait(false);
        _openFlags = flags;
    }

    /// <summary>
    /// Goes on with another header, which the storage has already, and with nothing in memory of the tables but where they are. No write is under way and
    /// nothing is dirty; readers may be.
    /// </summary>
    private async ValueTask SwitchToAsync<TIo>(QedHeader header, KnownTables known)
        where TIo : struct, IIoMode
    {
        TableCache before = _map.Cache;
        Volatile.Write(ref _header, header);
        ForgetTables(known);
        Volatile.Write(ref _virtualSizeBytes, header.VirtualSizeBytes);
        await _epochs.WaitForEarlierAsync<TIo>(CancellationToken.None).ConfigureAwait(false);
        before.Clear();
    }

    /// <inheritdoc/>
    /// <remarks>While the image becomes read-only, what was written before is not durable yet.</remarks>
    protected override ValueTask FlushCore<TIo>(CancellationToken cancellationToken) =>
        HasSettledTables ? default : _writer.CommitAsync<TIo>(cancellationToken);

    /// <inheritdoc/>
    protected override async ValueTask CloseCore<TIo>()
    {
        ExceptionDispatchInfo? failure = null;
        await _epochs.WaitForEarlierAsync<TIo>(default).ConfigureAwait(false);
        await _timer.CloseAsync<TIo>().ConfigureAwait(false);
        try
        {
            await SettleForGoodAsync<TIo>().ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            failure = ExceptionDispatchInfo.Capture(exception);
        }

        await _allocator.WaitForBackgroundAsync<TIo>().ConfigureAwait(false);
        _dirty.Clear();
        _map.Cache.Clear();
        if (TIo.IsSynchronous)
        {
            _storage.Dispose();
        }
        else
        {
            await _storage.DisposeAsync().ConfigureAwait(false);
        }

        failure?.Throw();
    }

    /// <summary>Makes everything durable, cuts what was reserved, and clears the mark of the lazy mode. No request is under way.</summary>
    private async ValueTask SettleForGoodAsync<TIo>()
        where TIo : struct, IIoMode
    {
        if (!_isChanged)
        {
            return;
        }

        await _writer.CommitAsync<TIo>(default).ConfigureAwait(false);
        if (await _writer.TrimAsync<TIo>().ConfigureAwait(false))
        {
            await _writer.CommitAsync<TIo>(default).ConfigureAwait(false);
        }

        if (_options.Mode == ConsistencyMode.Lazy && _header.NeedsCheck)
        {
            await WriteFeaturesAsync<TIo>(_header.Features & ~QedFeatures.NeedCheck).ConfigureAwait(false);
        }

        _isChanged = false;
    }

    /// <summary>Before the first change of a table: in lazy mode, the mark that makes the next opening check the image, and a barrier.</summary>
    private ValueTask PrepareToAllocateAsync<TIo>(CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        _isChanged = true;
        return _options.Mode == ConsistencyMode.Lazy && !Header.NeedsCheck ? MarkAsync(cancellationToken) : default;

        async ValueTask MarkAsync(CancellationToken cancellationToken)
        {
            await _headerGate.EnterAsync<TIo>(cancellationToken).ConfigureAwait(false);
            try
            {
                if (!_header.NeedsCheck)
                {
                    await WriteFeaturesAsync<TIo>(_header.Features | QedFeatures.NeedCheck).ConfigureAwait(false);
                }
            }
            finally
            {
                _headerGate.Exit();
            }
        }
    }

    /// <summary>Changes the feature bits in the storage, in one sector, and waits until that is durable.</summary>
    private async ValueTask WriteFeaturesAsync<TIo>(ulong features)
        where TIo : struct, IIoMode
    {
        QedHeader header = _header with { Features = features };
        await QedHeaderFile.WriteAsync<TIo>(_storage, header, CancellationToken.None).ConfigureAwait(false);
        await TIo.BarrierAsync(_storage, CancellationToken.None).ConfigureAwait(false);
        Volatile.Write(ref _header, header);
    }
}
