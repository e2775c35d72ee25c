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

    /// <summary>The length that a barrier makes durable which begins after this.</summary>
    public LengthMark MarkLength()
    {
        lock (_lock)
        {
            return new LengthMark(_length, _cuts);
        }
    }

    /// <summary>A barrier has completed that began after <see cref="MarkLength"/>. Of a length that was cut since it says nothing.</summary>
    public void NoteDurable(in LengthMark mark)
    {
        lock (_lock)
        {
            if (mark.Cuts == _cuts && mark.LengthBytes > _durableLength)
            {
                Volatile.Write(ref _durableLength, mark.LengthBytes);
            }
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

        await CutAsync<TIo>(CancellationToken.None).ConfigureAwait(false);
        return true;
    }

    /// <summary>
    /// Takes back the end of what was handed out, when nothing was since <paramref name="end"/> was it; the storage is cut by <see cref="TrimAsync"/>. No
    /// request is under way that allocates, and nothing refers to what lies between.
    /// </summary>
    public bool TryLowerEnd(long end, long newEnd)
    {
        // What cannot be cut is not fresh.
        if (!CanSetLength || Interlocked.CompareExchange(ref _next, newEnd, end) != end)
        {
            return false;
        }

        // What comes to lie there again is fresh only behind a barrier after the cut.
        _isLowered = true;
        Volatile.Write(ref _isSettled, false);
        Volatile.Write(ref _openedEnd, Math.Min(_openedEnd, newEnd));
        NoteCut(newEnd);
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

    // At least a cluster: none is larger than the largest step.
    private long StepFor(long length) =>
        _geometry.RoundDown(Math.Min(MaxStepBytes, Math.Max(MinStepClusters * _geometry.ClusterBytes, length / 8)));

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
                await CutAsync<TIo>(cancellationToken).ConfigureAwait(false);
            }

            LengthMark mark = MarkLength();
            if (!_withoutBarriers)
            {
                await TIo.BarrierAsync(_storage, cancellationToken).ConfigureAwait(false);
            }

            NoteDurable(mark);
            Volatile.Write(ref _isSettled, true);
        }
        finally
        {
            _lengthGate.Exit();
        }
    }

    /// <summary>Makes the storage end where the last cluster does that was handed out.</summary>
    private async ValueTask CutAsync<TIo>(CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        // Before, because it may have happened when it fails; and after, because of barriers that begin meanwhile.
        NoteCut(_next);
        await TIo.SetLengthAsync(_storage, _next, cancellationToken).ConfigureAwait(false);
        Volatile.Write(ref _length, _next);
        NoteCut(_next);
    }

    private void NoteCut(long endBytes)
    {
        lock (_lock)
        {
            _cuts++;
            Volatile.Write(ref _durableLength, Math.Min(_durableLength, endBytes));
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
            LengthMark mark = MarkLength();
            await _storage.BarrierAsync().ConfigureAwait(false);
            NoteDurable(mark);
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
