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

    /// <summary>Whether it matters that a listed name could not be looked at. A link that leads nowhere, or a file that has gone meanwhile, does not.</summary>
    public static bool IsWorthTelling(string path, FilePeek peek, ref ImageException error)
    {
        if (error.Kind != ImageErrorKind.NotFound)
        {
            return true;
        }

        // The framework puts this mark where a name is not text, and there is no way back from it to the file.
        if (peek.IsLink || !Path.GetFileName(path).Contains('\uFFFD', StringComparison.Ordinal))
        {
            return false;
        }

        error = new ImageException(ImageErrorKind.NotSupported, $"{DisplayText.Escape(path)}: the file's name is not UTF-8, so that it cannot be looked at. Rename it.", path, "scan");
        return true;
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
