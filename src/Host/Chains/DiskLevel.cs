namespace QedVd.Host;

/// <summary>One level of a disk's chain, as it is now.</summary>
public sealed record DiskLevel
{
    /// <summary>0 is the top.</summary>
    public required int Depth { get; init; }

    /// <summary>The full path of the file, or the storage's name.</summary>
    public required string Path { get; init; }

    /// <summary>The format's id ("qed"); "disk" for a parent that was given as an open disk.</summary>
    public required string FormatId { get; init; }

    /// <summary>Size of the disk that the level describes.</summary>
    public required long VirtualSizeBytes { get; init; }

    /// <summary>The unit of allocation; 1 when there is none.</summary>
    public required int BlockBytes { get; init; }

    /// <summary>Length of the file.</summary>
    public required long FileLengthBytes { get; init; }

    /// <summary>What the file uses on its volume.</summary>
    public required long AllocatedBytes { get; init; }

    /// <summary>Whether changes are refused. True for every level but the top.</summary>
    public required bool IsReadOnly { get; init; }

    /// <summary>What the image is.</summary>
    public required ImageFlags Flags { get; init; }

    /// <summary>The parent as the image names it, escaped for display; null if none.</summary>
    public required string? ParentName { get; init; }

    /// <summary>What a person should know of this level; escaped, one line each.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }
}
