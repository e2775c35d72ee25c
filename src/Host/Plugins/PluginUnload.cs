namespace QedVd.Host;

/// <summary>
/// A plugin that was asked to leave. The runtime lets go of it when nothing refers to its code or objects any more; a timer, a thread, an event
/// handler, or an object that somebody kept, holds it for as long as that lives.
/// </summary>
public sealed class PluginUnload
{
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(10);

    private readonly WeakReference[] _traces;
    private readonly TimeProvider _time;

    internal PluginUnload(string name, WeakReference[] traces, TimeProvider time)
    {
        Name = name;
        _traces = traces;
        _time = time;
    }

    /// <summary>The plugin's name.</summary>
    public string Name { get; }

    /// <summary>Whether the runtime has let go of the plugin. Found out by the garbage collector, so it may turn true late; see <see cref="WaitAsync"/>.</summary>
    public bool IsCompleted => !_traces.Any(trace => trace.IsAlive);

    /// <summary>
    /// Collects garbage until the plugin is gone, or the time is up. Returns whether it is gone. Full collections stop all threads of the process for
    /// a moment each: for programs that replace plugins, and for tests.
    /// </summary>
    public async Task<bool> WaitAsync(TimeSpan timeout, CancellationToken cancellationToken = default)
    {
        long started = _time.GetTimestamp();
        while (true)
        {
            // Away from the caller's stack, which may hold an object of the plugin.
            await Task.Run(Collect, cancellationToken).ConfigureAwait(false);
            if (IsCompleted)
            {
                return true;
            }

            if (_time.GetElapsedTime(started) >= timeout)
            {
                return false;
            }

            await Task.Delay(s_pause, _time, cancellationToken).ConfigureAwait(false);
        }
    }

    private static void Collect()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
    }
}
