namespace QedVd.Host;

/// <content>A backend that threw what the contract does not know.</content>
internal sealed partial class Level
{
    /// <summary>As <see cref="BackendFault.Create"/>, on this level's file.</summary>
    public ImageException Fault(string doing, long? offset, Exception exception) =>
        BackendFault.Create((Lease?.Backend as RegisteredBackend)?.Title ?? $"backend '{DisplayText.Escape(FormatId)}'", Path, doing, offset, exception);

    /// <summary>Asks the image for something that takes its time anyway: whatever it throws that it may not is its backend's mistake.</summary>
    /// <param name="doing">What it is asked for: "resizing".</param>
    /// <param name="ask">Asks.</param>
    /// <param name="cancellationToken">The request's.</param>
    public async ValueTask AskAsync(string doing, Func<IDiskImage, ValueTask> ask, CancellationToken cancellationToken)
    {
        try
        {
            await ask(Image).ConfigureAwait(false);
        }
        catch (Exception exception) when (IsFault(exception, cancellationToken))
        {
            throw Fault(doing, null, exception);
        }
    }

    /// <summary>The same for what tells its progress: what the one throws who is told is his own.</summary>
    public async ValueTask AskAsync(
        string doing, IProgress<OperationProgress>? progress, Func<IDiskImage, IProgress<OperationProgress>?, ValueTask> ask, CancellationToken cancellationToken)
    {
        CallersProgress? told = progress is null ? null : new CallersProgress(progress);
        try
        {
            await ask(Image, told).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception != told?.Thrown && IsFault(exception, cancellationToken))
        {
            throw Fault(doing, null, exception);
        }
    }

    // Of an open disk in the chain it is no fault that its owner has closed it.
    private bool IsFault(Exception exception, CancellationToken cancellationToken = default) =>
        BackendFault.Is(exception, cancellationToken) && !(exception is ObjectDisposedException && Image is DiskAsImage);

    private sealed class CallersProgress(IProgress<OperationProgress> inner) : IProgress<OperationProgress>
    {
        public Exception? Thrown { get; private set; }

        public void Report(OperationProgress value)
        {
            try
            {
                inner.Report(value);
            }
            catch (Exception exception)
            {
                Thrown = exception;
                throw;
            }
        }
    }
}
