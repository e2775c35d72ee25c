namespace QedVd.Backends.Qed;

/// <content>How maintenance keeps writers away from what it changes.</content>
internal sealed partial class QedImage
{
    private WriteHold? _hold;

    /// <summary>
    /// Keeps writers away from some clusters, and waits until all requests that may know their old places have ended. The caller holds the change gate,
    /// is in no epoch, and calls <see cref="EndHold"/>.
    /// </summary>
    private async ValueTask HoldAsync<TIo>(WriteHold hold, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        // The epochs' interlocked operations order this against the writers' look at it.
        Volatile.Write(ref _hold, hold);
        try
        {
            await _epochs.WaitForEarlierAsync<TIo>(cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            EndHold();
            throw;
        }
    }

    private void EndHold() => Interlocked.Exchange(ref _hold, null)?.End();

    /// <summary>
    /// Begins a request that writes, and sees the hold there is, before any mapping is looked up: a hold that is set later waits for this request; but one
    /// that had ended before a later look might have changed what was looked up before it.
    /// </summary>
    private int EnterWriter(out WriteHold? hold)
    {
        int slot = _epochs.Enter();
        hold = Volatile.Read(ref _hold);
        return slot;
    }

    /// <summary>Whether a write meets a hold.</summary>
    private bool IsHeld(WriteHold? hold, long offset, long lengthBytes) =>
        hold is not null && lengthBytes > 0 && hold.Covers(offset >> _clusterBits, (offset + (lengthBytes - 1)) >> _clusterBits);
}
