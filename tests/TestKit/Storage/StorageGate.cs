namespace QedVd.TestKit;

/// <summary>
/// Holds one operation of a simulated file until the test lets it go on: "during the first barrier of a commit, do this".
/// </summary>
/// <example><code>
/// StorageGate barrier = file.Hold(StorageOperationKind.Barrier);
/// Task flush = Task.Run(image.Flush);
/// await barrier.Reached;
/// image.Write(...);          // while the barrier is under way
/// barrier.Release();
/// await flush;
/// </code></example>
public sealed class StorageGate : IDisposable
{
    private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Func<long, long, bool>? _where;
    private readonly StorageOperationKind _kind;
    private int _left;

    internal StorageGate(StorageOperationKind kind, int nth, bool afterEffect, Func<long, long, bool>? where)
    {
        _kind = kind;
        _left = nth;
        _where = where;
        IsAfterEffect = afterEffect;
    }

    /// <summary>Completes when the operation has come to the gate. A limit of 30 s turns a test that would hang into one that fails.</summary>
    public Task Reached => _reached.Task.WaitAsync(TimeSpan.FromSeconds(30));

    /// <summary>Whether the operation is at the gate, or was.</summary>
    public bool IsReached => _reached.Task.IsCompleted;

    /// <summary>Whether the operation is held between its effect and its return, instead of before its effect.</summary>
    public bool IsAfterEffect { get; }

    /// <summary>Lets the operation go on; one that comes later passes without stopping.</summary>
    public void Release() => _released.TrySetResult();

    /// <summary>Releases.</summary>
    public void Dispose() => Release();

    internal Task EnterAsync()
    {
        _reached.TrySetResult();
        return _released.Task;
    }

    internal bool Stops(StorageOperationKind kind, long offset, long lengthBytes) =>
        kind == _kind && _where?.Invoke(offset, lengthBytes) != false && --_left == 0;
}
