namespace QedVd.Host.Tests.Rearranging;

/// <summary>Calls at once, on the thread that tells of progress, and not some time later as <see cref="Progress{T}"/> does.</summary>
internal sealed class Now(Action<OperationProgress> tell) : IProgress<OperationProgress>
{
    public void Report(OperationProgress value) => tell(value);
}
