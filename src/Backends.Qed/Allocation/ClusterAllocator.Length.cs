namespace QedVd.Backends.Qed;

internal sealed partial class ClusterAllocator
{
    private static readonly TimeSpan s_barrierInterval = TimeSpan.FromMilliseconds(100);

    private Task _backgroundBarrier = Task.CompletedTask;
    private int _isBarrierUnderWay;
    private long _lastBarrier;

    /// <summary>
    /// Before the first allocation: cuts a partial tail, and waits until the length is durable, so that what grows behind it is fresh.
    /// </summary>
    public ValueTask SettleAsync<TIo>(CancellationToken cancellationToken)
        where TIo : struct, IIoMode => Volatile.Read(ref _isSettled) ? default : SettleSlowAsync<TIo>(cancellationToken);

    /// <summary>Makes the storage long enough for clusters that end at <paramref name="end"/>.</summary>
    public ValueTask EnsureLengthAsync<TIo>(long end, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        long length = LengthBytes;
        if (end > length - (StepFor(length) / 2))
        {
            return GrowAsync<TIo>(end, cancellationToken);
        }

        KeepDurable(end);
        return default;
    }

    /// <summary>A barrier has completed that began when the storage had this length.</summary>
    public void NoteDurable(long lengthBytes)
    {
        long seen = Volatile.Read(ref _durableLength);
        while (seen < lengthBytes)
        {
            long now = Interlocked.CompareExchange(ref _durableLength, lengthBytes, seen);
            if (now == seen)
            {
                return;
            }

            seen = now;
        }
    }

    /// <summary>Cuts what was added ahead and not used. No request is under way. True when the length has changed.</summary>
    public async ValueTask<bool> TrimAsync<TIo>()
        where TIo : struct, IIoMode
    {
        await WaitForBackgroundAsync<TIo>().ConfigureAwait(false);
        if (_isReadOnly || !CanSetLength || !(Volatile.Read(ref _isSettled) || _isLowered))
        {
            return false;
        }

        lock (_lock)
        {
            _recycled.Sort((a, b) => b.CompareTo(a));
            int unused = 0;
            while (unused < _recycled.Count && _recycled[unused] == _next - _geometry.ClusterBytes)
            {
                _next = _recycled[unused++];
            }

            _recycled.RemoveRange(0, unused);
            _recycledCount = _recycled.Count;
        }

        // What would grow behind the new end is fresh only after a barrier.
        _isSettled = _isLowered = false;
        if (_length == _next)
        {
            return false;
        }

        await TIo.SetLengthAsync(_storage, _next, CancellationToken.None).ConfigureAwait(false);
        _length = _next;
        _durableLength = Math.Min(_durableLength, _next);
        return true;
    }

    /// <summary>
    /// Takes back the end of what was handed out, when nothing was since <paramref name="end"/> was it; the storage is cut by <see cref="TrimAsync"/>. No
    /// request is under way that allocates, and nothing refers to what lies between.
    /// </summary>
    public bool TryLowerEnd(long end, long newEnd)
    {
        if (Interlocked.CompareExchange(ref _next, newEnd, end) != end)
        {
            return false;
        }

        // What comes to lie there again is fresh only behind a barrier after the cut.
        _isLowered = true;
        Volatile.Write(ref _isSettled, false);
        Volatile.Write(ref _openedEnd, Math.Min(_openedEnd, newEnd));
        lock (_lock)
        {
            _recycled.RemoveAll(offset => offset >= newEnd);
            Volatile.Write(ref _recycledCount, _recycled.Count);
        }

        return true;
    }

    /// <summary>Waits for what this allocator does by itself.</summary>
    public ValueTask WaitForBackgroundAsync<TIo>()
        where TIo : struct, IIoMode => TIo.WaitAsync(Volatile.Read(ref _backgroundBarrier), CancellationToken.None);

    private long StepFor(long length) =>
        _geometry.RoundDown(Math.Min(MaxStepBytes, Math.Max(MinStepClusters * _geometry.ClusterBytes, length / 8))) is var step && step > 0
            ? step
            : _geometry.ClusterBytes;

    private async ValueTask SettleSlowAsync<TIo>(CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        await _lengthGate.EnterAsync<TIo>(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_isSettled)
            {
                return;
            }

            if (_length != _next && CanSetLength)
            {
                await TIo.SetLengthAsync(_storage, _next, cancellationToken).ConfigureAwait(false);
                Volatile.Write(ref _length, _next);
            }

            if (!_withoutBarriers)
            {
                await TIo.BarrierAsync(_storage, cancellationToken).ConfigureAwait(false);
            }

            NoteDurable(_next);
            Volatile.Write(ref _isSettled, true);
        }
        finally
        {
            _lengthGate.Exit();
        }
    }

    private async ValueTask GrowAsync<TIo>(long end, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        if (end > LengthBytes)
        {
            await _lengthGate.EnterAsync<TIo>(cancellationToken).ConfigureAwait(false);
        }
        else if (!_lengthGate.TryEnter())
        {
            // Someone else is at it, and this request has what it needs.
            return;
        }

        try
        {
            long length = _length;
            long step = StepFor(length);
            if (end > length - (step / 2))
            {
                await GrowToAsync<TIo>(end, Math.Max(end, Math.Min(_limit, Math.Max(end, length) + step)), cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            _lengthGate.Exit();
        }

        KeepDurable(end);
    }

    private async ValueTask GrowToAsync<TIo>(long end, long target, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        if (!CanSetLength)
        {
            if (end <= _length)
            {
                return;
            }

            throw new ImageException(
                ImageErrorKind.OutOfSpace, $"{_storage.Name}: the storage cannot grow beyond its {_length} bytes.", _storage.Name, "allocate", end);
        }

        try
        {
            await TIo.SetLengthAsync(_storage, target, cancellationToken).ConfigureAwait(false);
        }
        catch (ImageException) when (end <= _length)
        {
            // Nobody needs it yet.
            return;
        }
        catch (ImageException exception) when (exception.Kind == ImageErrorKind.OutOfSpace && end < target)
        {
            target = end;
            await TIo.SetLengthAsync(_storage, target, cancellationToken).ConfigureAwait(false);
        }

        Volatile.Write(ref _length, target);
    }

    /// <summary>
    /// Flushes make growth durable by the way; where there are none, a barrier in the background does, before it is used up. Not too often:
    /// what waits for it merely takes two barriers instead of one, should a flush come first.
    /// </summary>
    private void KeepDurable(long end)
    {
        long durable = Volatile.Read(ref _durableLength);
        long length = LengthBytes;
        if (_withoutBarriers || durable >= length || end <= durable - (StepFor(length) / 4)
            || (_lastBarrier != 0 && _time.GetElapsedTime(_lastBarrier) < s_barrierInterval)
            || Interlocked.CompareExchange(ref _isBarrierUnderWay, 1, 0) != 0)
        {
            return;
        }

        _lastBarrier = _time.GetTimestamp();
        Volatile.Write(ref _backgroundBarrier, Task.Run(MakeLengthDurableAsync));
    }

    private async Task MakeLengthDurableAsync()
    {
        try
        {
            long length = LengthBytes;
            await _storage.BarrierAsync().ConfigureAwait(false);
            NoteDurable(length);
        }
        catch (ImageException)
        {
            // The storage is fenced: the next flush says so.
        }
        finally
        {
            Volatile.Write(ref _isBarrierUnderWay, 0);
        }
    }
}
