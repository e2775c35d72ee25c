namespace QedVd.Backends.Qed;

/// <summary>Hands out numbers below a count to several threads, some at a time.</summary>
internal sealed class TableShares(int count, int perTurn)
{
    private int _next;
    private volatile bool _isStopped;

    /// <summary>Whether somebody has stopped it.</summary>
    public bool IsStopped => _isStopped;

    /// <summary>Nothing is handed out any more.</summary>
    public void Stop() => _isStopped = true;

    /// <summary>Takes the next numbers; false when there are none left.</summary>
    public bool TryTake(out int first, out int end)
    {
        long taken = (long)Interlocked.Increment(ref _next) - 1;
        first = (int)Math.Min(taken * perTurn, count);
        end = (int)Math.Min((taken * perTurn) + perTurn, count);
        return first < end && !_isStopped;
    }
}
