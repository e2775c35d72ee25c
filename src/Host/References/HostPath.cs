namespace QedVd.Host;

/// <summary>Paths as a caller gives them.</summary>
internal static class HostPath
{
    /// <summary>The full path. A relative one starts at the process's folder, as a path that a user typed does.</summary>
    public static string GetFull(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (path.Contains('\0', StringComparison.Ordinal))
        {
            throw new ImageException(ImageErrorKind.InvalidArgument, $"{DisplayText.Escape(path)}: a file name cannot contain the character NUL.", operation: "open");
        }

#pragma warning disable RS0030 // Where a caller's own relative path starts is the process's folder by definition; names inside images never come here.
        return Path.GetFullPath(path);
#pragma warning restore RS0030
    }
}
