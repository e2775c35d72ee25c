namespace QedVd.Host;

/// <summary>
/// The barriers of one file that somebody awaits. One runs at a time; all that are asked for meanwhile share the next one,
/// which begins after they were asked for and so covers what each of them has to.
/// </summary>
internal sealed class BarrierQueue(Action barrier)
{
    private readonly Lock _gate = new();
    private TaskCompletionSource? _next;
    private bool _running;

    public Task EnqueueAsync()
    {
        lock (_gate)
        {
            if (_next is not null)
            {
                return _next.Task;
            }

            // Who awaits goes on on the pool: the two threads are for barriers only.
            _next = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            Task task = _next.Task;
            if (!_running)
            {
                _running = true;
                BarrierThreads.Run(this);
            }

            return task;
        }
    }

    /// <summary>Does the waiting barrier, on one of the threads.</summary>
    public void RunNext()
    {
        TaskCompletionSource current;
        lock (_gate)
        {
            current = _next!;
            _next = null;
        }

        Exception? failure = null;
        try
        {
            barrier();
        }
        catch (Exception exception)
        {
            failure = exception;
        }

        lock (_gate)
        {
            _running = _next is not null;
            if (_running)
            {
                // At the end of the line: one busy file does not keep the others waiting.
                BarrierThreads.Run(this);
            }
        }

        if (failure is null)
        {
            current.SetResult();
        }
        else
        {
            current.SetException(failure);
        }
    }
}
