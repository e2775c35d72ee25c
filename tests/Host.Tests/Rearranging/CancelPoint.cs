namespace QedVd.Host.Tests.Rearranging;

/// <summary>Cancels an operation once it has told so many times how far it is: at once, from inside, or a moment later, from outside.</summary>
internal sealed class CancelPoint(int reports, bool isInside) : IProgress<OperationProgress>, IDisposable
{
    private readonly CancellationTokenSource _source = new();
    private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _left = reports;

    public CancellationToken Token => _source.Token;

    /// <summary>Completes when it has told so often.</summary>
    public Task Reached => _reached.Task;

    public void Report(OperationProgress value)
    {
        if (Interlocked.Decrement(ref _left) == 0)
        {
            if (isInside)
            {
                _source.Cancel();
            }

            _reached.TrySetResult();
        }
    }

    public Task CancelAsync() => _source.CancelAsync();

    public void Dispose() => _source.Dispose();
}
