using System.Threading.Tasks.Sources;

namespace QedVd.Host;

/// <summary>Tells a worker that its piece is finished; used again for every piece, so that waiting allocates nothing.</summary>
internal sealed class PieceTurn : IValueTaskSource
{
    private ManualResetValueTaskSourceCore<bool> _core = new() { RunContinuationsAsynchronously = true };

    /// <summary>Makes ready for the next piece; the worker has waited for the one before.</summary>
    public void Reset() => _core.Reset();

    /// <summary>Lets the one who waits, or comes to wait, go on. Once for each <see cref="Reset"/>.</summary>
    public void Grant() => _core.SetResult(true);

    /// <summary>Waits for <see cref="Grant"/>; once for each <see cref="Reset"/>.</summary>
    public ValueTask WaitAsync() => new(this, _core.Version);

    void IValueTaskSource.GetResult(short token) => _core.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);
}
