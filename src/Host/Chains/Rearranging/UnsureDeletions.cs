namespace QedVd.Host;

/// <summary>
/// Files that an operation has deleted, in folders that then could not be made durable. The operation goes on, since the names are gone, and fails at its end.
/// </summary>
internal sealed class UnsureDeletions
{
    private readonly List<string> _paths = [];
    private ImageException? _cause;

    public void Add(string path, ImageException cause)
    {
        _paths.Add(path);
        _cause ??= cause;
    }

    /// <summary>Throws when there are some.</summary>
    /// <param name="operation">What is complete all the same.</param>
    /// <param name="remaining">The image that has what they had.</param>
    public void ThrowIfAny(string operation, string remaining)
    {
        if (_cause is not null)
        {
            string files = string.Join(", ", _paths.Select(path => $"'{DisplayText.Escape(path)}'"));
            throw new ImageException(
                _cause.Kind,
                $"{_cause.Message} The {operation} is complete all the same, and '{DisplayText.Escape(remaining)}' has it all. It deleted {files}: after a power failure that may be there again, out of date; then delete it.",
                remaining,
                operation,
                null,
                _cause);
        }
    }
}
