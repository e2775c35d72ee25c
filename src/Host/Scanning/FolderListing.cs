namespace QedVd.Host;

/// <summary>The names in a folder.</summary>
internal static class FolderListing
{
    private static readonly EnumerationOptions s_everything = new() { AttributesToSkip = 0, IgnoreInaccessible = false, ReturnSpecialDirectories = false };

    /// <summary>The full paths of everything in the folder, in no order. Hidden names too.</summary>
    /// <exception cref="ImageException">The folder cannot be listed.</exception>
    public static IEnumerable<string> Of(string folder)
    {
        using IEnumerator<string> names = Start(folder);
        while (Guard(folder, names.MoveNext))
        {
            yield return names.Current;
        }
    }

    private static IEnumerator<string> Start(string folder) =>
        Guard(folder, () => Directory.EnumerateFileSystemEntries(folder, "*", s_everything).GetEnumerator());

    private static T Guard<T>(string folder, Func<T> action)
    {
        try
        {
            return action();
        }
        catch (DirectoryNotFoundException exception)
        {
            throw new ImageException(ImageErrorKind.NotFound, $"{DisplayText.Escape(folder)}: the folder does not exist; check the name.", folder, "list", innerException: exception);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new ImageException(
                ImageErrorKind.Io, $"{DisplayText.Escape(folder)}: the folder cannot be listed: {DisplayText.Escape(exception.Message)}", folder, "list", innerException: exception);
        }
    }
}
