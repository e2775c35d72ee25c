namespace QedVd.Host;

/// <summary>What a merge did.</summary>
public sealed record MergeResult
{
    /// <summary>Never <see cref="MergeDirection.Auto"/>.</summary>
    public required MergeDirection Direction { get; init; }

    /// <summary>The level that stays.</summary>
    public required string SurvivorPath { get; init; }

    /// <summary>Bytes written into it.</summary>
    public required long CopiedBytes { get; init; }

    /// <summary>Files that belong to the chain no more, and were deleted unless they were to be kept.</summary>
    public required IReadOnlyList<string> RemovedPaths { get; init; }
}
