namespace QedVd.Host.Tests.Rearranging;

/// <summary>Takes down what an operation tells of its progress, at once.</summary>
internal sealed class ProgressList(Action? onReport = null) : IProgress<OperationProgress>
{
    private readonly List<OperationProgress> _reports = [];

    public IReadOnlyList<OperationProgress> Reports
    {
        get
        {
            lock (_reports)
            {
                return [.. _reports];
            }
        }
    }

    public void Report(OperationProgress value)
    {
        lock (_reports)
        {
            _reports.Add(value);
        }

        onReport?.Invoke();
    }
}
