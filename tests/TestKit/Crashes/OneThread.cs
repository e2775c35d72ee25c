namespace QedVd.TestKit;

/// <summary>
/// Carries out on one thread what an image does, also what it begins in the background: that goes on where the thread would otherwise wait, and at the end of
/// a step, in the order in which it came. So what is recorded depends on nothing but the workload, and no state costs a hop between threads.
/// </summary>
internal static class OneThread
{
    /// <summary>Runs something on such a thread: the calling one, where it is one already.</summary>
    public static void Run(Action body)
    {
        if (Scheduler.Captured is not null)
        {
            body();
            return;
        }

        Scheduler.OnOwnThread(body);
    }

    /// <summary>Goes on until a task and all that was begun in the background have ended; throws what the task threw.</summary>
    public static void Complete(Task task)
    {
        Settle();
        if (Scheduler.Captured is not null && !task.IsCompleted)
        {
            throw new InvalidOperationException("an image waits for something that nobody does");
        }

        SyncIo.Block(task);
    }

    /// <summary>Does what was begun in the background.</summary>
    public static void Settle()
    {
        if (Scheduler.Captured is not { } pool)
        {
            return;
        }

        List<object>? items = null;
        while (pool.HasItems)
        {
            pool.TakeAll(items ??= []);
            foreach (object item in items)
            {
                CapturedPool.Execute(item);
            }

            items.Clear();
        }
    }

    /// <summary>Runs something that waits for others (processes, timers) on a thread of the pool, and waits for it; throws what it threw.</summary>
    public static T Elsewhere<T>(Func<T> body)
    {
        Task<T> task = Task.Factory.StartNew(body, CancellationToken.None, TaskCreationOptions.PreferFairness, TaskScheduler.Default);
        SyncIo.Block(task);
        return task.GetAwaiter().GetResult();
    }
}
