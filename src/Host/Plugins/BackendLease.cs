namespace QedVd.Host;

/// <summary>
/// Keeps a backend's plugin from being unloaded. Whoever opens an image takes one before the opening and disposes it after the image's close.
/// Thread safe; disposing twice is harmless.
/// </summary>
public sealed class BackendLease : IDisposable
{
    private Action? _release;

    internal BackendLease(IImageBackend backend, Action? release)
    {
        Backend = backend;
        _release = release;
    }

    /// <summary>The backend, usable for as long as the lease is held.</summary>
    public IImageBackend Backend { get; }

    /// <inheritdoc/>
    public void Dispose() => Interlocked.Exchange(ref _release, null)?.Invoke();
}
