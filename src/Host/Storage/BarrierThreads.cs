namespace QedVd.Host;

/// <summary>
/// The at most two threads of this process on which awaited barriers wait for the disk, so that they cannot use up the thread pool.
/// Started when needed, gone when idle.
/// </summary>
internal static class BarrierThreads
{
    private const int MaxThreads = 2;

    private static readonly TimeSpan s_idle = TimeSpan.FromSeconds(10);
    private static readonly object s_gate = new();
    private static readonly Queue<BarrierQueue> s_work = new();
    private static int s_threads;
    private static int s_waiting;

    /// <summary>How many there are now.</summary>
    internal static int Count
    {
        get
        {
            lock (s_gate)
            {
                return s_threads;
            }
        }
    }

    public static void Run(BarrierQueue queue)
    {
        lock (s_gate)
        {
            s_work.Enqueue(queue);
            if (s_waiting >= s_work.Count)
            {
                Monitor.Pulse(s_gate);
            }
            else if (s_threads < MaxThreads)
            {
                s_threads++;
                new Thread(Work) { IsBackground = true, Name = "QedVd barrier" }.UnsafeStart();
            }
        }
    }

    private static void Work()
    {
        while (true)
        {
            BarrierQueue queue;
            lock (s_gate)
            {
                while (s_work.Count == 0)
                {
                    s_waiting++;
                    bool woken = Monitor.Wait(s_gate, s_idle);
                    s_waiting--;
                    if (!woken && s_work.Count == 0)
                    {
                        s_threads--;
                        return;
                    }
                }

                queue = s_work.Dequeue();
            }

            queue.RunNext();
        }
    }
}
