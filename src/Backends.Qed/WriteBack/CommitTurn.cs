namespace QedVd.Backends.Qed;

/// <summary>One commit: whoever comes while it has not begun joins it. Guarded by the lock of <see cref="TableWriter"/>.</summary>
internal sealed class CommitTurn
{
    private TaskCompletionSource? _ended;

    /// <summary>From here on the set may be fixed, and newcomers need the next one.</summary>
    public bool HasBegun { get; set; }

    /// <summary>Why it failed; null while it runs, and after success.</summary>
    public Exception? Failure { get; set; }

    /// <summary>Completes when it has ended, well or not.</summary>
    public Task Ended => (_ended ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;

    /// <summary>What is to be completed, after the lock has been left.</summary>
    public TaskCompletionSource? Waiters => _ended;
}
