using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace QedVd.Host;

/// <summary>
/// Calls code of plugins on one thread of its own: what never returns must not keep the program, nor a thread of the pool. A thread cannot be taken back, so
/// one that hangs is left behind, and another takes its place.
/// </summary>
/// <remarks>Thread safe. Code of a plugin that comes back here is served on its own thread. The thread ends when it had nothing to do for as long as <paramref name="idle"/> says.</remarks>
internal sealed class PluginThread(TimeProvider time, TimeSpan limit, TimeSpan idle)
{
    [ThreadStatic]
    private static PluginThread? s_owner;

    // A monitor, because it is waited on too.
    private readonly object _gate = new();
    private readonly LinkedList<PluginWork> _queue = [];
    private Thread? _thread;
    private PluginWork? _current;

    /// <summary>How long one step may take. Who looks at a plugin with a debugger takes longer than any limit.</summary>
    public TimeSpan Limit => Debugger.IsAttached ? Timeout.InfiniteTimeSpan : limit;

    /// <summary>Whether this is that thread.</summary>
    public bool IsHere => s_owner == this;

    /// <summary>Does the work, in the caller's form, and returns when it has ended or was given up. Throws what it threw.</summary>
    public async ValueTask RunAsync<TIo>(PluginWork work, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        if (IsHere)
        {
            work.Run();
            work.ThrowWhatItThrew();
            return;
        }

        lock (_gate)
        {
            _queue.AddLast(work);
            Monitor.Pulse(_gate);
        }

        try
        {
            while (!work.Settled.IsCompleted)
            {
                if (IsMineForWantOfAThread(work))
                {
                    work.Run();
                    break;
                }

                try
                {
                    await TIo.WaitAsync(work.Settled.WaitAsync(TimeLeft(), time, cancellationToken), cancellationToken).ConfigureAwait(false);
                }
                catch (TimeoutException)
                {
                    LeaveBehindIfStuck();
                }
            }
        }
        finally
        {
            if (!work.Settled.IsCompleted)
            {
                work.Leave();
                lock (_gate)
                {
                    _queue.Remove(work);
                }
            }
        }

        work.ThrowWhatItThrew();
    }

    private TimeSpan TimeLeft()
    {
        TimeSpan limit = Limit;
        if (limit == Timeout.InfiniteTimeSpan)
        {
            return limit;
        }

        lock (_gate)
        {
            TimeSpan left = _current?.TimeLeft(limit) ?? limit;
            return left > TimeSpan.Zero ? left : TimeSpan.FromMilliseconds(1);
        }
    }

    private void LeaveBehindIfStuck()
    {
        TimeSpan limit = Limit;
        lock (_gate)
        {
            if (limit != Timeout.InfiniteTimeSpan && _current?.TryGiveUp(limit) == true)
            {
                _current = null;
                _thread = null;
            }
        }
    }

    /// <summary>Sees to it that there is a thread. Where none is to be had (handles, memory) the caller's own does; what has run out is then named by who needs it for the image.</summary>
    private bool IsMineForWantOfAThread(PluginWork work)
    {
        lock (_gate)
        {
            if (_thread is not null || _queue.Count == 0)
            {
                return false;
            }

            _thread = new Thread(Serve) { IsBackground = true, Name = "qedvd plugins" };
            try
            {
                _thread.UnsafeStart();
                return false;
            }
            catch (Exception exception) when (exception is OutOfMemoryException or ThreadStartException)
            {
                _thread = null;
                return _queue.Remove(work);
            }
        }
    }

    private void Serve()
    {
        s_owner = this;
        while (ServeNext())
        {
        }
    }

    // Not inlined: the work must not linger on the stack while the next is waited for.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool ServeNext()
    {
        PluginWork work;
        lock (_gate)
        {
            while (_thread == Thread.CurrentThread && _queue.Count == 0)
            {
                if (!Monitor.Wait(_gate, idle) && _thread == Thread.CurrentThread && _queue.Count == 0)
                {
                    _thread = null;
                }
            }

            if (_thread != Thread.CurrentThread)
            {
                return false;
            }

            work = _queue.First!.Value;
            _queue.RemoveFirst();
            _current = work;
        }

        work.Run();
        lock (_gate)
        {
            if (_current == work)
            {
                _current = null;
            }
        }

        return true;
    }
}
