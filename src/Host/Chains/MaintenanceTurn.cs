namespace QedVd.Host;

/// <summary>The right to change a disk as a whole, one operation at a time. Closing the disk cancels its token, and waits for its end.</summary>
internal sealed class MaintenanceTurn : IDisposable
{
    private readonly SemaphoreSlim _changes;
    private readonly CancellationTokenSource _linked;

    private MaintenanceTurn(SemaphoreSlim changes, CancellationTokenSource linked)
    {
        _changes = changes;
        _linked = linked;
    }

    /// <summary>The caller's wish to stop, or that of who closes the disk.</summary>
    public CancellationToken Token => _linked.Token;

    public static async ValueTask<MaintenanceTurn> EnterAsync(SemaphoreSlim changes, CancellationToken closing, CancellationToken cancellationToken)
    {
        await changes.WaitAsync(cancellationToken).ConfigureAwait(false);
        return new MaintenanceTurn(changes, CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, closing));
    }

    public void Dispose()
    {
        _linked.Dispose();
        _changes.Release();
    }
}
