namespace QedVd.Host;

/// <summary>The images in some folders, and how they hang together, as they were when they were looked at.</summary>
public sealed class ImageForest
{
    /// <summary>All images, by path.</summary>
    public required IReadOnlyList<ScannedImage> Images { get; init; }

    /// <summary>The images whose parent is not among them: bases, broken links, members of cycles. Everything else hangs below one of these.</summary>
    public required IReadOnlyList<ScannedImage> Roots { get; init; }

    /// <summary>What could not be looked at: files, folders, limits that were met.</summary>
    public required IReadOnlyList<ScanProblem> Problems { get; init; }

    /// <summary>Merges that were interrupted.</summary>
    public required IReadOnlyList<UnfinishedMerge> Unfinished { get; init; }
}
