namespace QedVd.Host;

/// <summary>
/// What went wrong while files were deleted that no chain needs any more: deleted in folders that then could not be made durable, or kept because nobody could
/// say whether they are in use. The operation goes on, since its chain is as it should be, and fails at its end.
/// </summary>
internal sealed class UnsureDeletions
{
    private readonly List<string> _deleted = [];
    private readonly List<string> _kept = [];
    private ImageException? _cause;

    /// <summary>Whether doing it again may delete more.</summary>
    public bool HasKept => _kept.Count > 0;

    /// <summary>A file whose name is gone, but perhaps not for good.</summary>
    public void Add(string path, ImageException cause)
    {
        _deleted.Add(path);
        _cause ??= cause;
    }

    /// <summary>A file that is still there.</summary>
    public void AddKept(string path, ImageException cause)
    {
        _kept.Add(path);
        _cause ??= cause;
    }

    /// <summary>Throws when there are some.</summary>
    /// <param name="operation">What is complete all the same.</param>
    /// <param name="remaining">The image that has what they had.</param>
    public void ThrowIfAny(string operation, string remaining)
    {
        if (_cause is not null)
        {
            string deleted = _deleted.Count == 0 ? "" : $" It deleted {Shown(_deleted)}: after a power failure that may be there again, out of date; then delete it.";
            string kept = _kept.Count == 0 ? "" : $" It kept {Shown(_kept)}, because it cannot be told whether somebody uses it; run this again, or delete it when nobody does.";
            throw new ImageException(
                _cause.Kind,
                $"{_cause.Message} The {operation} is complete all the same, and '{DisplayText.Escape(remaining)}' has it all.{deleted}{kept}",
                remaining,
                operation,
                null,
                _cause);
        }
    }

    private static string Shown(List<string> paths) => string.Join(", ", paths.Select(path => $"'{DisplayText.Escape(path)}'"));
}
