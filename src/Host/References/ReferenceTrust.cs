namespace QedVd.Host;

/// <summary>How far the names are trusted that images give of their parents.</summary>
public enum ReferenceTrust
{
    /// <summary>A parent must lie below a root: the top image's folder, or a folder in <see cref="DiskOpenOptions.AllowedRoots"/>.</summary>
    Confined = 0,

    /// <summary>A parent may lie anywhere. Everything else stays: plain file names, regular files, known formats, no cycle, a limited depth.</summary>
    Trusted = 1,
}
