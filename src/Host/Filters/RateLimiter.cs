namespace QedVd.Host;

/// <summary>
/// Holds requests back so that they keep to so many bytes, and so many requests, per second on average. Up to <see cref="BurstMilliseconds"/> of the rate
/// may come at once. A request of any size passes as soon as there is no debt, and what it takes beyond the burst is a debt that those after it wait for.
/// </summary>
/// <remarks>Thread safe; first come, first served. Nothing is allocated for a request that need not wait. Waiting takes no thread in the asynchronous mode.</remarks>
internal sealed class RateLimiter : IDisposable
{
    /// <summary>How much of the rate may come at once, after a pause.</summary>
    public const int BurstMilliseconds = 100;

    private static readonly TimeSpan s_longestTimer = TimeSpan.FromDays(1);

    private readonly Lock _lock = new();
    private readonly LinkedList<Waiter> _waiters = [];
    private readonly TimeProvider _time;
    private ITimer? _timer;
    private long _lastTimestamp;
    private Bucket _bytes;
    private Bucket _requests;
    private volatile bool _isLimited;

    /// <param name="bytesPerSecond">0: no limit.</param>
    /// <param name="time">The clock.</param>
    /// <param name="requestsPerSecond">0: no limit.</param>
    public RateLimiter(long bytesPerSecond, TimeProvider time, long requestsPerSecond = 0)
    {
        _time = time;
        _lastTimestamp = time.GetTimestamp();
        SetRates(bytesPerSecond, requestsPerSecond);
    }

    /// <summary>0: no limit.</summary>
    public long BytesPerSecond
    {
        get
        {
            lock (_lock)
            {
                return _bytes.Rate;
            }
        }
    }

    /// <summary>0: no limit.</summary>
    public long RequestsPerSecond
    {
        get
        {
            lock (_lock)
            {
                return _requests.Rate;
            }
        }
    }

    /// <summary>How many requests wait at this moment.</summary>
    public int WaitingRequests
    {
        get
        {
            lock (_lock)
            {
                return _waiters.Count;
            }
        }
    }

    /// <summary>Changes the rates, also for those who wait. What was taken before never takes longer to pay than it would have.</summary>
    public void SetRates(long bytesPerSecond, long requestsPerSecond)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytesPerSecond);
        ArgumentOutOfRangeException.ThrowIfNegative(requestsPerSecond);
        lock (_lock)
        {
            Refill();
            _bytes.SetRate(bytesPerSecond, _time.TimestampFrequency);
            _requests.SetRate(requestsPerSecond, _time.TimestampFrequency);
            _isLimited = bytesPerSecond > 0 || requestsPerSecond > 0;
            LetPass();
        }
    }

    /// <summary>Waits until a request of <paramref name="bytes"/> may go.</summary>
    /// <param name="bytes">What it moves; 0 for one that moves nothing, which is still a request.</param>
    /// <param name="cancellationToken">Gives up; the request has then taken nothing.</param>
    public ValueTask WaitAsync<TIo>(long bytes, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        if (!_isLimited)
        {
            return default;
        }

        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        Waiter waiter;
        lock (_lock)
        {
            Refill();
            if (_waiters.Count == 0 && TryTake(bytes))
            {
                return default;
            }

            waiter = new Waiter(bytes);
            _waiters.AddLast(waiter.Node);
            if (_waiters.Count == 1)
            {
                StartTimer();
            }
        }

        return WaitAsync<TIo>(waiter, cancellationToken);
    }

    /// <summary>Lets everybody go who waits, and limits nothing any more.</summary>
    public void Dispose()
    {
        SetRates(0, 0);
        lock (_lock)
        {
            _timer?.Dispose();
        }
    }

    private async ValueTask WaitAsync<TIo>(Waiter waiter, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        try
        {
            await TIo.WaitAsync(waiter.Granted.Task, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            lock (_lock)
            {
                if (waiter.Node.List is null)
                {
                    // It was let go at the same moment, and does not make use of it.
                    _bytes.GiveBack(waiter.Bytes, _time.TimestampFrequency);
                    _requests.GiveBack(1, _time.TimestampFrequency);
                }
                else
                {
                    _waiters.Remove(waiter.Node);
                }

                Refill();
                LetPass();
            }

            throw;
        }
    }

    private void OnTimer()
    {
        lock (_lock)
        {
            Refill();
            LetPass();
        }
    }

    private void LetPass()
    {
        while (_waiters.First is { } first && TryTake(first.Value.Bytes))
        {
            // Its continuation runs on the pool, not here.
            _waiters.RemoveFirst();
            first.Value.Granted.TrySetResult();
        }

        if (_waiters.Count > 0)
        {
            StartTimer();
        }
    }

    private bool TryTake(long bytes)
    {
        if (_bytes.IsInDebt || _requests.IsInDebt)
        {
            return false;
        }

        _bytes.Take(bytes, _time.TimestampFrequency);
        _requests.Take(1, _time.TimestampFrequency);
        return true;
    }

    private void Refill()
    {
        long now = _time.GetTimestamp();
        long elapsed = now - _lastTimestamp;
        if (elapsed > 0)
        {
            _lastTimestamp = now;
            _bytes.Refill(elapsed);
            _requests.Refill(elapsed);
        }
    }

    private void StartTimer()
    {
        // Whole milliseconds, rounded up: what the system's timers can do. Being late costs nothing, because the time counts.
        double seconds = (double)Int128.Max(_bytes.TicksToPay, _requests.TicksToPay) / _time.TimestampFrequency;
        TimeSpan due = seconds < s_longestTimer.TotalSeconds ? TimeSpan.FromMilliseconds(Math.Max(1, Math.Ceiling(seconds * 1000))) : s_longestTimer;
        if (_timer is null)
        {
            _timer = _time.CreateTimer(static limiter => ((RateLimiter)limiter!).OnTimer(), this, due, Timeout.InfiniteTimeSpan);
        }
        else
        {
            _timer.Change(due, Timeout.InfiniteTimeSpan);
        }
    }

    private sealed class Waiter
    {
        public Waiter(long bytes)
        {
            Bytes = bytes;
            Node = new LinkedListNode<Waiter>(this);
        }

        public long Bytes { get; }

        public LinkedListNode<Waiter> Node { get; }

        public TaskCompletionSource Granted { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    /// <summary>What may still be taken, in units times ticks of the clock per second, so that nothing is ever rounded.</summary>
    private struct Bucket
    {
        private Int128 _level;
        private Int128 _capacity;

        /// <summary>0: no limit.</summary>
        public long Rate { get; private set; }

        public readonly bool IsInDebt => _level < 0;

        /// <summary>Ticks of the clock until there is no debt.</summary>
        public readonly Int128 TicksToPay => _level < 0 ? ((-_level) + Rate - 1) / Rate : 0;

        public void SetRate(long rate, long frequency)
        {
            Int128 capacity = (Int128)rate * frequency * BurstMilliseconds / 1000;
            if (Rate == 0)
            {
                _level = capacity;
            }
            else if (_level < 0)
            {
                // The debt in units stays, or the time it takes, whichever is less.
                Int128 sameTime = (Int128)((double)_level / Rate * rate);
                _level = Int128.Max(_level, sameTime);
            }

            _level = Int128.Min(_level, capacity);
            (Rate, _capacity) = (rate, capacity);
        }

        public void Refill(long elapsedTicks) => _level = Int128.Min(_level + ((Int128)elapsedTicks * Rate), _capacity);

        public void Take(long units, long frequency)
        {
            if (Rate > 0)
            {
                _level -= (Int128)units * frequency;
            }
        }

        public void GiveBack(long units, long frequency)
        {
            if (Rate > 0)
            {
                _level = Int128.Min(_level + ((Int128)units * frequency), _capacity);
            }
        }
    }
}
