namespace QedVd.Backends.Qed;

/// <summary>
/// Runs of disk clusters that writers leave alone while somebody moves or frees them. A writer looks after it has entered its epoch; one that meets a
/// hold leaves the epoch, waits for the end and begins anew. So whoever has set a hold and then waited for the earlier requests is alone with the runs,
/// readers excepted. One hold at a time.
/// </summary>
internal sealed class WriteHold
{
    private readonly ClusterRun[] _runs;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <param name="runs">Ascending, apart from each other.</param>
    public WriteHold(params ClusterRun[] runs) => _runs = runs;

    /// <summary>Completes when the hold ends.</summary>
    public Task Ended => _ended.Task;

    /// <summary>A hold of the whole disk, of whatever size.</summary>
    public static WriteHold OfEverything() => new(new ClusterRun(0, long.MaxValue));

    /// <summary>Whether a run from <paramref name="first"/> to <paramref name="last"/> touches what is held.</summary>
    public bool Covers(long first, long last)
    {
        int low = 0;
        int high = _runs.Length;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (_runs[middle].Last < first)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low < _runs.Length && _runs[low].First <= last;
    }

    /// <summary>Lets those who wait go on. What stood in the way was put aside before.</summary>
    public void End() => _ended.TrySetResult();
}
