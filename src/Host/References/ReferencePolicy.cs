namespace QedVd.Host;

/// <summary>Decides which of the names that images give may be followed, and to where. Every refusal names the option that would allow it.</summary>
internal sealed class ReferencePolicy
{
    private readonly ReferenceTrust _trust;
    private readonly string[] _roots;

    /// <param name="topFolder">The folder of the top image; null when it is no file.</param>
    /// <param name="options">What the caller allows.</param>
    public ReferencePolicy(string? topFolder, DiskOpenOptions options)
    {
        _trust = options.Trust;
        IEnumerable<string> allowed = options.AllowedRoots.Select(HostPath.GetFull);
        _roots = [.. (topFolder is null ? allowed : allowed.Prepend(topFolder)).Select(Path.TrimEndingDirectorySeparator).Distinct()];
    }

    /// <summary>Where the parent lies, and below which root it must be opened (null: anywhere).</summary>
    /// <param name="parent">What the image says.</param>
    /// <param name="childPath">The image that says it: names are relative to its folder.</param>
    /// <param name="level">The parent's number, for messages; the top is 0.</param>
    public (string Path, string? Root) Locate(ParentReference parent, string childPath, int level)
    {
        string shown = DisplayText.Escape(parent.NameBytes);
        string? name = ParentName.GetPlain(parent, out string reason);
        if (name is null)
        {
            throw Refused(childPath, level, shown, $"{reason}. Nothing allows that; give the parent as ParentDisk, or change the name in the image.");
        }

        string? folder = Path.GetDirectoryName(childPath);
        if (folder is null)
        {
            throw Refused(childPath, level, shown, "cannot be looked for, because the image that names it is no file. Give the parent as ParentDisk.");
        }

        string path = ParentName.Resolve(name, folder);
        if (_trust == ReferenceTrust.Trusted)
        {
            return (path, null);
        }

        // The deepest root that fits leaves the least room.
        string? root = _roots.Where(root => IsBelow(path, root)).MaxBy(root => root.Length);
        if (root is null)
        {
            string roots = _roots.Length == 0 ? "none is allowed" : string.Join(", ", _roots.Select(each => $"'{DisplayText.Escape(each)}'"));
            throw Refused(
                childPath, level, shown,
                $"lies at '{DisplayText.Escape(path)}', outside of the folders that parents may come from ({roots}). Allow its folder with AllowedRoots (--allow DIR), or trust the images with Trust (--trusted).");
        }

        return (path, root);
    }

    /// <summary>The same refusal for a name that turned out to leave its root, or to be no regular file, when it was opened.</summary>
    public static ImageException Refused(string childPath, int level, string shownName, string why, Exception? inner = null) =>
        new(ImageErrorKind.RefusedByPolicy, $"{DisplayText.Escape(childPath)}: the parent '{shownName}' (level {level}) {why}", childPath, "open parent", innerException: inner);

    private static bool IsBelow(string path, string root)
    {
        StringComparison comparison = OperatingSystem.IsWindows() ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal;
        return path.StartsWith(root, comparison)
            && (path.Length > root.Length && (Path.EndsInDirectorySeparator(root) || path[root.Length] == Path.DirectorySeparatorChar));
    }
}
