using System.Runtime.InteropServices;

namespace QedVd.Host;

/// <summary>
/// Counts the requests under way, and can be closed: later ones are turned away, and the closer learns when the last one has left.
/// Entering and leaving is one interlocked operation each and allocates nothing.
/// </summary>
internal sealed class RequestGate
{
    // The count, with the sign bit set while closed.
    private const long Closed = long.MinValue;

    private PaddedLong _state;

    // Both are there before the state says that it is closed, and nobody needs them earlier.
    private TaskCompletionSource? _drained;
    private TaskCompletionSource? _reopened;

    /// <summary>False while closed. Each success is paired with one <see cref="Exit"/>.</summary>
    public bool TryEnter()
    {
        if (Interlocked.Increment(ref _state.Value) > 0)
        {
            return true;
        }

        Exit();
        return false;
    }

    public void Exit()
    {
        if (Interlocked.Decrement(ref _state.Value) == Closed)
        {
            Volatile.Read(ref _drained)!.TrySetResult();
        }
    }

    /// <summary>Turns later requests away; completes when those under way have left. Not concurrently with itself or <see cref="Reopen"/>.</summary>
    public Task CloseAsync()
    {
        var drained = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _reopened = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Volatile.Write(ref _drained, drained);
        return Interlocked.Add(ref _state.Value, Closed) == Closed ? Task.CompletedTask : DrainAsync(drained);
    }

    // Who left last before an earlier closing was given up may come to its signal only now, and then it signals this closing: so look again.
    private async Task DrainAsync(TaskCompletionSource drained)
    {
        await drained.Task.ConfigureAwait(false);
        while (Interlocked.Read(ref _state.Value) != Closed)
        {
            var next = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            if (Interlocked.CompareExchange(ref _drained, next, drained) != drained)
            {
                // This closing was given up itself, and nobody waits for it.
                return;
            }

            drained = next;
            if (Interlocked.Read(ref _state.Value) != Closed)
            {
                await drained.Task.ConfigureAwait(false);
            }
        }
    }

    /// <summary>Lets requests in again.</summary>
    public void Reopen()
    {
        Interlocked.Add(ref _state.Value, Closed);
        WakeWaiters();
    }

    /// <summary>The gate stays closed; those that wait for it look again and find the one that took its place, or that all has ended.</summary>
    public void WakeWaiters() => _reopened!.TrySetResult();

    /// <summary>Completes when it is worth to try again, after <see cref="TryEnter"/> said no.</summary>
    public Task WhenOpen => _reopened!.Task;

    // A cache line to itself on either side: every request of every thread changes it.
    [StructLayout(LayoutKind.Explicit, Size = 192)]
    private struct PaddedLong
    {
        [FieldOffset(64)]
        public long Value;
    }
}
