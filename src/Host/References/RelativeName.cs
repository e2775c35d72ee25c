namespace QedVd.Host;

/// <summary>The name under which an overlay records its parent.</summary>
internal static class RelativeName
{
    /// <summary>Relative to the overlay's folder where that means the same to everybody, else the full path.</summary>
    public static string Of(string parentPath, string overlayPath, bool isAbsoluteWanted)
    {
        string folder = Path.GetDirectoryName(overlayPath)!;
        string relative = Path.GetRelativePath(folder, parentPath);

        // Through a linked folder, ".." leads elsewhere for whoever lets the system resolve it.
        bool climbs = relative.Split(Path.DirectorySeparatorChar).Contains("..");
        if (isAbsoluteWanted || Path.IsPathRooted(relative) || (climbs && IsReachedOverLinks(folder)))
        {
            return parentPath;
        }

        int colon = relative.IndexOf(':', StringComparison.Ordinal);
        int slash = relative.IndexOf(Path.DirectorySeparatorChar, StringComparison.Ordinal);
        string name = colon >= 0 && (slash < 0 || colon < slash) ? $".{Path.DirectorySeparatorChar}{relative}" : relative;
        return Path.DirectorySeparatorChar == '/' ? name : name.Replace(Path.DirectorySeparatorChar, '/');
    }

    private static bool IsReachedOverLinks(string folder)
    {
        for (string? part = folder; part is not null; part = Path.GetDirectoryName(part))
        {
            if (new DirectoryInfo(part).LinkTarget is not null)
            {
                return true;
            }
        }

        return false;
    }
}
