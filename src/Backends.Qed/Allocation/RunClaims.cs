namespace QedVd.Backends.Qed;

/// <summary>
/// The runs of clusters whose entries requests are about to change. Two requests that want one free cluster: the first gets it, the second
/// waits for that run only, and then looks again. No lock is held while a run is claimed.
/// </summary>
internal sealed class RunClaims
{
    private readonly Lock _lock = new();
    private readonly List<RunClaim> _active = [];
    private readonly Stack<RunClaim> _spare = [];

    /// <summary>Claims a run, shortened to what nobody else has claimed; null when its first number is taken: wait for <paramref name="taken"/>.</summary>
    public RunClaim? TryClaim(long first, ref long last, out Task? taken)
    {
        lock (_lock)
        {
            taken = null;
            foreach (RunClaim other in _active)
            {
                if (other.First <= first && other.Last >= first)
                {
                    other.Waiters ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                    taken = other.Waiters.Task;
                    return null;
                }

                if (other.First > first && other.First <= last)
                {
                    last = other.First - 1;
                }
            }

            RunClaim claim = _spare.Count > 0 ? _spare.Pop() : new RunClaim();
            claim.First = first;
            claim.Last = last;
            _active.Add(claim);
            return claim;
        }
    }

    /// <summary>Ends a claim and wakes those who wait for it.</summary>
    public void Release(RunClaim claim)
    {
        TaskCompletionSource? waiters;
        lock (_lock)
        {
            int index = _active.IndexOf(claim);
            _active[index] = _active[^1];
            _active.RemoveAt(_active.Count - 1);
            waiters = claim.Waiters;
            claim.Waiters = null;
            _spare.Push(claim);
        }

        waiters?.SetResult();
    }
}
