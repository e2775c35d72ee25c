namespace QedVd.TestKit;

/// <summary>Counts the bytes that some work allocates on the calling thread.</summary>
public static class Allocations
{
    private const int Attempts = 10;

    /// <summary>
    /// The least that <paramref name="work"/> has allocated in some attempts. The runtime itself allocates a little now and then, when it compiles again
    /// what is hot; work that allocates does so every time.
    /// </summary>
    public static long LeastOf(Action work)
    {
        ArgumentNullException.ThrowIfNull(work);
        long least = long.MaxValue;
        for (int attempt = 0; attempt < Attempts; attempt++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            work();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        return least;
    }

    /// <summary>The same for work that is done <paramref name="times"/> times in each attempt, and is told how often before.</summary>
    public static long LeastOf(int times, Action<int> work)
    {
        ArgumentNullException.ThrowIfNull(work);
        return LeastOf(() =>
        {
            for (int i = 0; i < times; i++)
            {
                work(i);
            }
        });
    }
}
