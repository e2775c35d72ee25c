namespace QedVd.Backends.Qed;

/// <summary>Adds up what a compaction has done. What is done never becomes less; what there is to do grows as it is found out.</summary>
internal sealed class CompactionProgress(IProgress<OperationProgress>? progress)
{
    private const long StepBytes = 16 << 20;

    private long _doneBytes;
    private long _totalBytes;
    private long _reportedBytes;
    private string _phase = "compacting";

    /// <summary>More work was found, of some kind.</summary>
    public void Begin(string phase, long bytes)
    {
        _phase = phase;
        _totalBytes += bytes;
        Report();
    }

    /// <summary>Some of the work is done.</summary>
    public void Advance(long bytes)
    {
        _doneBytes += bytes;
        _totalBytes = Math.Max(_totalBytes, _doneBytes);
        if (_doneBytes - _reportedBytes >= StepBytes)
        {
            Report();
        }
    }

    /// <summary>All is done.</summary>
    public void End()
    {
        _doneBytes = _totalBytes;
        Report();
    }

    private void Report()
    {
        _reportedBytes = _doneBytes;
        progress?.Report(new OperationProgress(_doneBytes, _totalBytes, _phase));
    }
}
