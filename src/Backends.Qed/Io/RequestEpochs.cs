namespace QedVd.Backends.Qed;

/// <summary>
/// Counts the requests under way in two epochs, so that someone can wait until every request that had begun before has ended (a grace period)
/// without holding up new ones. Entering and leaving allocate nothing.
/// </summary>
internal sealed class RequestEpochs
{
    // One counter per 128 bytes, away from the object's header: neighbours in a cache line would slow each other down.
    private const int Stride = 128 / sizeof(int);

    private readonly int[] _counters = new int[3 * Stride];
    private readonly IoGate _waiters = new();
    private Drain? _drain;
    private int _epoch;

    /// <summary>Begins a request. The number belongs to <see cref="Exit"/>.</summary>
    public int Enter()
    {
        while (true)
        {
            int epoch = Volatile.Read(ref _epoch);
            int slot = epoch & 1;
            Interlocked.Increment(ref Counter(slot));
            if (Volatile.Read(ref _epoch) == epoch)
            {
                return slot;
            }

            Exit(slot);
        }
    }

    /// <summary>Ends a request.</summary>
    public void Exit(int slot)
    {
        if (Interlocked.Decrement(ref Counter(slot)) == 0)
        {
            Tell(slot);
        }
    }

    /// <summary>Wakes whoever waits for this slot, to look again; the last request to leave it does, perhaps late.</summary>
    internal void Tell(int slot)
    {
        if (Volatile.Read(ref _drain) is { } drain && drain.Slot == slot)
        {
            drain.Done.TrySetResult();
        }
    }

    /// <summary>Waits until all requests that had entered before the call have left. The caller is in no request itself.</summary>
    public async ValueTask WaitForEarlierAsync<TIo>(CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        await _waiters.EnterAsync<TIo>(cancellationToken).ConfigureAwait(false);
        try
        {
            int slot = _epoch & 1;
            Interlocked.Increment(ref _epoch);

            // From here on the old counter can only fall, but for those who entered it too late and leave at once.
            while (true)
            {
                // The exchange is a full fence: whoever leaves after it sees the drain, and whoever left before is not counted any more.
                Drain drain = new(slot);
                Interlocked.Exchange(ref _drain, drain);
                if (Volatile.Read(ref Counter(slot)) == 0)
                {
                    break;
                }

                // Not cancellable: the next one to wait relies on this epoch being empty. And perhaps in vain: somebody may have been the last one to leave
                // this slot two epochs ago, and tell the drain that it finds now.
                await TIo.WaitAsync(drain.Done.Task, CancellationToken.None).ConfigureAwait(false);
            }

            Volatile.Write(ref _drain, null);
        }
        finally
        {
            _waiters.Exit();
        }
    }

    private ref int Counter(int slot) => ref _counters[(slot + 1) * Stride];

    private sealed class Drain(int slot)
    {
        public int Slot => slot;

        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
