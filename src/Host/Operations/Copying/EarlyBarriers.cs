namespace QedVd.Host;

/// <summary>Begins to make a new file durable while more of it is written, so that little is left to wait for at the end. No promise lies in it.</summary>
internal sealed class EarlyBarriers(IImageStorage storage)
{
    private const long StepBytes = 128L << 20;

    private Task _barrier = Task.CompletedTask;
    private long _asked;

    /// <summary>So much has been written. Called by one at a time.</summary>
    public void Note(long writtenBytes)
    {
        if (writtenBytes - _asked >= StepBytes && _barrier.IsCompleted)
        {
            _asked = writtenBytes;
            _barrier = storage.BarrierAsync().AsTask();
        }
    }

    /// <summary>Waits for what is under way; throws what it met, when that is wanted: the file is fenced then, and the cause is here.</summary>
    public async ValueTask EndAsync(bool throws)
    {
        await _barrier.ConfigureAwait(throws ? ConfigureAwaitOptions.None : ConfigureAwaitOptions.SuppressThrowing);
    }
}
