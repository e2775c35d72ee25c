namespace QedVd.Host;

/// <summary>Where <see cref="DiskHost.AdoptParentAsync"/> looks for the parent that an image has lost.</summary>
public sealed record AdoptOptions
{
    /// <summary>The parent, if the caller knows it. It is checked like any other, but may have another name and size, and may lie anywhere.</summary>
    public string? ParentPath { get; init; }

    /// <summary>Folders to look in, not below them; null: the image's own.</summary>
    public IReadOnlyList<string>? SearchFolders { get; init; }

    /// <summary>Only find out; change nothing.</summary>
    public bool DryRun { get; init; }

    /// <summary>Record the full path even where a relative one would do.</summary>
    public bool AbsoluteName { get; init; }

    /// <summary>How far names are trusted when the parents of a candidate are looked at.</summary>
    public ReferenceTrust Trust { get; init; }

    /// <summary>Folders below which the parents of a candidate may lie, besides the search folders, the image's and the candidate's own.</summary>
    public IReadOnlyList<string> AllowedRoots { get; init; } = [];

    /// <summary>As <see cref="DiskOpenOptions.AllowedParentFormats"/>.</summary>
    public IReadOnlyList<string> AllowedParentFormats { get; init; } = ["qed"];
}
