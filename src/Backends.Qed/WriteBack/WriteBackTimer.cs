namespace QedVd.Backends.Qed;

/// <summary>
/// Starts the write-back of what nobody flushes: what needs no barrier within 10 ms, everything within a second. One timer, armed only while
/// something is dirty; it does not keep an image alive that was forgotten.
/// </summary>
internal sealed class WriteBackTimer : IDisposable
{
    private const int ArmedLate = 1;
    private const int ArmedSoon = 2;

    private static readonly TimeSpan s_soon = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan s_late = TimeSpan.FromSeconds(1);

    private readonly TimeProvider _time;
    private readonly TableWriter _writer;
    private readonly DirtyTables _dirty;
    private readonly Lock _lock = new();
    private ITimer? _timer;
    private Task _running = Task.CompletedTask;
    private long _since;
    private int _armed;
    private bool _isClosed;

    public WriteBackTimer(TimeProvider time, TableWriter writer, DirtyTables dirty)
    {
        _time = time;
        _writer = writer;
        _dirty = dirty;
    }

    /// <summary>Something was published; <paramref name="isFree"/> when it needs no barrier.</summary>
    public void Arm(bool isFree)
    {
        int wanted = isFree ? ArmedSoon : ArmedLate;
        if (Volatile.Read(ref _armed) < wanted)
        {
            lock (_lock)
            {
                if (_armed < wanted)
                {
                    _since = _armed == 0 ? _time.GetTimestamp() : _since;
                    Start(isFree ? s_soon : s_late);
                }
            }
        }
    }

    /// <summary>Starts a commit now, in the background; does nothing while one that it started is under way.</summary>
    public void CommitNow()
    {
        lock (_lock)
        {
            if (!_isClosed && _running.IsCompleted)
            {
                _running = Task.Run(CommitQuietlyAsync);
            }
        }
    }

    /// <summary>No more ticks; waits for what a tick has started.</summary>
    public async ValueTask CloseAsync<TIo>()
        where TIo : struct, IIoMode
    {
        Task running;
        lock (_lock)
        {
            _isClosed = true;
            running = _running;
        }

        Dispose();
        await TIo.WaitAsync(running, CancellationToken.None).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public void Dispose() => _timer?.Dispose();

    private static void OnTick(object? state)
    {
        if (((WeakReference<WriteBackTimer>)state!).TryGetTarget(out WriteBackTimer? timer))
        {
            timer.Tick();
        }
    }

    // Under the lock.
    private void Start(TimeSpan dueTime)
    {
        if (!_isClosed)
        {
            Volatile.Write(ref _armed, dueTime < s_late ? ArmedSoon : ArmedLate);
            _timer ??= _time.CreateTimer(OnTick, new WeakReference<WriteBackTimer>(this), Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            _timer.Change(dueTime, Timeout.InfiniteTimeSpan);
        }
    }

    private void Tick()
    {
        lock (_lock)
        {
            if (_running.IsCompleted && !_isClosed)
            {
                // What is published from here on arms the timer anew.
                bool isLate = _time.GetElapsedTime(_since) >= s_late;
                Volatile.Write(ref _armed, isLate ? 0 : ArmedLate);
                _running = Task.Run(() => WriteBackAsync(isLate));
            }
            else
            {
                Start(s_soon);
            }
        }
    }

    private async Task WriteBackAsync(bool commit)
    {
        bool isFenced = false;
        try
        {
            if (commit)
            {
                await _writer.CommitAsync<AsyncIo>(CancellationToken.None).ConfigureAwait(false);
            }
            else
            {
                await _writer.WriteFreeAsync<AsyncIo>().ConfigureAwait(false);
            }
        }
        catch (Exception exception)
        {
            // The entries are still dirty: the next flush tries again, and reports it.
            isFenced = exception is ImageException { Kind: ImageErrorKind.Fenced };
        }

        Rearm(commit, isFenced);
    }

    private void Rearm(bool hasCommitted, bool isFenced)
    {
        lock (_lock)
        {
            if (_armed != ArmedSoon)
            {
                // Before the count: whoever publishes from here on either is counted, or finds the timer unarmed and waits for the lock.
                Interlocked.Exchange(ref _armed, 0);
            }

            if (_dirty.Count > 0 && !isFenced && _armed != ArmedSoon)
            {
                _since = hasCommitted ? _time.GetTimestamp() : _since;
                TimeSpan left = s_late - _time.GetElapsedTime(_since);
                Volatile.Write(ref _armed, ArmedLate);
                _timer?.Change(left > s_soon ? left : s_soon, Timeout.InfiniteTimeSpan);
            }
        }
    }

    private async Task CommitQuietlyAsync()
    {
        try
        {
            await _writer.CommitAsync<AsyncIo>(CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception)
        {
            // As above.
        }
    }
}
