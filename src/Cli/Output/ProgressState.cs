namespace QedVd.Cli.Output;

/// <summary>The last progress that an operation reported; written by its thread, read by the one that draws.</summary>
internal sealed class ProgressState : IProgress<OperationProgress>
{
    private readonly Lock _gate = new();
    private OperationProgress _last;

    public OperationProgress Last
    {
        get
        {
            lock (_gate)
            {
                return _last;
            }
        }
    }

    public double Percent
    {
        get
        {
            OperationProgress last = Last;
            return last.TotalBytes <= 0 ? 0 : Math.Clamp(100.0 * last.DoneBytes / last.TotalBytes, 0, 100);
        }
    }

    public void Report(OperationProgress value)
    {
        lock (_gate)
        {
            _last = value;
        }
    }
}
