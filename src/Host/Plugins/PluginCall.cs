namespace QedVd.Host;

/// <summary>Calls code of a plugin on a thread of its own: what never returns must not keep the program. A thread cannot be taken back, so it is left behind.</summary>
internal static class PluginCall
{
    /// <summary>How long a plugin may take to be constructed, and to answer a probe: neither has a reason to wait for anything.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    /// <summary>Starts the call. Not on the pool: a call that hangs would take one of its threads, and a busy pool would look like a plugin that hangs.</summary>
    public static Task<T> Start<T>(Func<T> call)
    {
        try
        {
            return Task.Factory.StartNew(call, CancellationToken.None, TaskCreationOptions.LongRunning | TaskCreationOptions.DenyChildAttach, TaskScheduler.Default);
        }
        catch (TaskSchedulerException)
        {
            // No further thread is to be had (handles, memory). The caller's own does; what has run out is then named by who needs it for the image.
            var here = new Task<T>(call);
            here.RunSynchronously(TaskScheduler.Default);
            return here;
        }
    }

    /// <summary>Waits for the call in the caller's form. Returns whether it has come back in time; throws nothing of what it threw.</summary>
    public static async ValueTask<bool> HasReturnedAsync<TIo>(Task call, TimeProvider time, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        try
        {
            await TIo.WaitAsync(call.WaitAsync(Limit, time, cancellationToken), cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (Exception) when (call.IsCompleted)
        {
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }
}
