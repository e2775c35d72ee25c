namespace QedVd.Host;

/// <summary>What <see cref="DiskHost.ScanAsync"/> looks at, and which names it follows.</summary>
public sealed record ScanOptions
{
    /// <summary>How many files are looked at unless told otherwise.</summary>
    public const int DefaultMaxFiles = 100_000;

    /// <summary>How deep folders are gone into unless told otherwise.</summary>
    public const int DefaultMaxFolderDepth = 16;

    /// <summary>Whether folders in the folders are looked through too. Links to folders never are.</summary>
    public bool Recurse { get; init; }

    /// <summary>With <see cref="Recurse"/>: how deep, the given folders being 0. What lies deeper is reported as a problem.</summary>
    public int MaxFolderDepth { get; init; } = DefaultMaxFolderDepth;

    /// <summary>How many names in all are looked at. That there are more is reported as a problem.</summary>
    public int MaxFiles { get; init; } = DefaultMaxFiles;

    /// <summary>How far names are trusted: those of parents, and links among the files. Confined means: below the scanned folders and <see cref="AllowedRoots"/>.</summary>
    public ReferenceTrust Trust { get; init; }

    /// <summary>Folders below which parents may lie, besides those that are scanned. They are not looked through.</summary>
    public IReadOnlyList<string> AllowedRoots { get; init; } = [];

    /// <summary>As <see cref="DiskOpenOptions.AllowedParentFormats"/>.</summary>
    public IReadOnlyList<string> AllowedParentFormats { get; init; } = ["qed"];
}
