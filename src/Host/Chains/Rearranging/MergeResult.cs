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

    /// <summary>Files that belong to the chain no more, and were deleted.</summary>
    public required IReadOnlyList<string> RemovedPaths { get; init; }

    /// <summary>
    /// Files that belong to the chain no more, and were left: as <see cref="MergeOptions.KeepFiles"/> asks for, because somebody uses or needs them, or because that
    /// cannot be told. Those of merged levels are of no use. A top among them still opens, over the survivor, and hides what is written there from now on.
    /// </summary>
    public IReadOnlyList<string> KeptPaths { get; init; } = [];
}
