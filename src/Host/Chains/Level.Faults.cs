namespace QedVd.Host;

/// <content>A backend that threw what the contract does not know.</content>
internal sealed partial class Level
{
    /// <summary>The exceptions of the contract pass, and that of a disk in the chain that its owner has closed; everything else is the backend's mistake.</summary>
    public static bool IsFault(Exception exception) => exception is not (ImageException or OperationCanceledException or ObjectDisposedException or OutOfMemoryException);

    /// <summary>Says which backend it was, and on which file.</summary>
    /// <param name="doing">What the image was asked for: "reading".</param>
    /// <param name="offset">Where, in the disk; null when it was about all of it.</param>
    /// <param name="exception">What it threw.</param>
    public ImageException Fault(string doing, long? offset, Exception exception) => new(
        ImageErrorKind.BackendFault,
        $"{DisplayText.Escape(Path)}: the {(Lease?.Backend as RegisteredBackend)?.Title ?? $"backend '{DisplayText.Escape(FormatId)}'"} failed while {doing} it"
            + $"{(offset is { } place ? $" at offset {place}" : "")} ({PluginText.Describe(exception)}). This is a mistake in the backend; report it to its author.",
        Path,
        doing,
        offset,
        exception);
}
