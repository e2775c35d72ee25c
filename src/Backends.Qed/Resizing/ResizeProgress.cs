namespace QedVd.Backends.Qed;

/// <summary>Tells how far a resize is: bytes of tables that it goes through or writes.</summary>
internal sealed class ResizeProgress(IProgress<OperationProgress>? target)
{
    private const long StepBytes = 8 << 20;

    private long _done;
    private long _told;
    private long _total;

    /// <summary>There is more to do.</summary>
    public void Add(long bytes) => _total += bytes;

    /// <summary>Something was done.</summary>
    public void Advance(long bytes, string phase)
    {
        _done += bytes;
        if (_done - _told >= StepBytes)
        {
            _told = _done;
            target?.Report(new OperationProgress(Math.Min(_done, _total), _total, phase));
        }
    }

    public void End()
    {
        long total = Math.Max(_total, 1);
        target?.Report(new OperationProgress(total, total, "resizing"));
    }
}
