namespace QedVd.Host;

/// <summary>Something that could not be looked at as it should have been.</summary>
/// <param name="Path">The full path of the file or folder; not escaped.</param>
/// <param name="Kind">What went wrong.</param>
/// <param name="Message">One line for people, complete and escaped.</param>
public sealed record ScanProblem(string Path, ImageErrorKind Kind, string Message)
{
    internal static ScanProblem Of(string path, ImageException exception) => new(path, exception.Kind, DisplayText.Escape(exception.Message));
}
