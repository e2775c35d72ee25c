namespace QedVd.Host;

/// <summary>Begins to make a file durable while more of it is written, so that little is left to wait for at the end. No promise lies in it.</summary>
/// <param name="storage">The file; null: nothing is to be durable.</param>
internal sealed class EarlyBarriers(IImageStorage? storage)
{
    private const long StepBytes = 32L << 20;

    private Task _barrier = Task.CompletedTask;
    private long _asked;

    /// <summary>So much has been written. Called by one at a time. After one that failed there is no further one: its error is to be told.</summary>
    public void Note(long writtenBytes)
    {
        if (storage is not null && writtenBytes - _asked >= StepBytes && _barrier.IsCompletedSuccessfully)
        {
            _asked = writtenBytes;
            _barrier = storage.BarrierAsync().AsTask();
        }
    }

    /// <summary>Runs what writes and calls <see cref="Note"/>; nothing is under way afterwards.</summary>
    public async ValueTask WhileAsync(Func<ValueTask> write)
    {
        try
        {
            await write().ConfigureAwait(false);
            await _barrier.ConfigureAwait(false);
        }
        catch (ImageException exception) when (exception.Kind == ImageErrorKind.Fenced)
        {
            // A barrier that failed has fenced the file: it is the cause.
            await _barrier.ConfigureAwait(false);
            throw;
        }
        finally
        {
            await _barrier.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
