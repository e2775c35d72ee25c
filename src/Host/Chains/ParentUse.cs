namespace QedVd.Host;

/// <summary>
/// Counts the open disks that have this one as their parent. They rely on its length, and on its bytes where it is read-only: what would take that
/// away first makes sure that there are none, and keeps new ones out.
/// </summary>
internal sealed class ParentUse
{
    private const int Closed = -1;

    private int _children;

    /// <summary>How many there are.</summary>
    public int Count => Math.Max(0, Volatile.Read(ref _children));

    /// <summary>False while a change keeps new ones out.</summary>
    public bool TryEnter()
    {
        for (int seen = Volatile.Read(ref _children); seen != Closed;)
        {
            int before = Interlocked.CompareExchange(ref _children, seen + 1, seen);
            if (before == seen)
            {
                return true;
            }

            seen = before;
        }

        return false;
    }

    public void Exit() => Interlocked.Decrement(ref _children);

    /// <summary>False when there are some. Paired with <see cref="Reopen"/>.</summary>
    public bool TryClose() => Interlocked.CompareExchange(ref _children, Closed, 0) == 0;

    public void Reopen() => Volatile.Write(ref _children, 0);
}
