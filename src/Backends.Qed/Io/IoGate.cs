namespace QedVd.Backends.Qed;

/// <summary>Lets one caller at a time through, for work that does I/O: those who wait hold no lock, and asynchronous ones no thread.</summary>
internal sealed class IoGate
{
    private readonly Lock _lock = new();
    private TaskCompletionSource? _left;
    private bool _taken;

    public async ValueTask EnterAsync<TIo>(CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        while (!TryEnter(out Task? left))
        {
            await TIo.WaitAsync(left!, cancellationToken).ConfigureAwait(false);
        }
    }

    public bool TryEnter() => TryEnter(out _, wait: false);

    public void Exit()
    {
        TaskCompletionSource? left;
        lock (_lock)
        {
            left = _left;
            _left = null;
            _taken = false;
        }

        left?.SetResult();
    }

    private bool TryEnter(out Task? left, bool wait = true)
    {
        lock (_lock)
        {
            left = null;
            if (!_taken)
            {
                return _taken = true;
            }

            if (wait)
            {
                _left ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                left = _left.Task;
            }

            return false;
        }
    }
}
