namespace QedVd.Host;

/// <summary>A backend that threw what the contract does not know: the one place that says so.</summary>
internal static class BackendFault
{
    /// <summary>The exceptions of the contract pass; everything else is the backend's mistake. Of a request that nobody has cancelled, also that it was.</summary>
    public static bool Is(Exception exception, CancellationToken cancellationToken = default) => exception switch
    {
        ImageException or OutOfMemoryException => false,
        OperationCanceledException => !cancellationToken.IsCancellationRequested,
        _ => true,
    };

    /// <summary>Says which backend it was, and on which file.</summary>
    /// <param name="title">The backend.</param>
    /// <param name="path">The file; null when it was about none.</param>
    /// <param name="doing">What the backend was asked for: "reading".</param>
    /// <param name="offset">Where, in the disk; null when it was about all of it.</param>
    /// <param name="exception">What it threw.</param>
    public static ImageException Create(string title, string? path, string doing, long? offset, Exception exception) => new(
        ImageErrorKind.BackendFault,
        $"{DisplayText.Escape(PluginText.OneLine(path ?? "a file"))}: the {title} failed while {doing} it{(offset is { } place ? $" at offset {place}" : "")}"
            + $" ({PluginText.Describe(exception)}). This is a mistake in the backend; report it to its author.",
        path,
        doing,
        offset,
        exception);
}
