namespace QedVd.Host;

/// <summary>How <see cref="DiskHost.CopyChainAsync"/> copies a chain level by level.</summary>
public sealed record CopyChainOptions
{
    /// <summary>How the source and its parents are opened; always read-only.</summary>
    public DiskOpenOptions Source { get; init; } = new();

    /// <summary>How many levels are copied, from the top; null: all. The last one copied goes on naming what lies beneath it, where it is.</summary>
    public int? Levels { get; init; }

    /// <summary>
    /// Replace files that exist. Never one of the source's chain. Otherwise one that holds what would be copied there stays as it is, and any other is refused.
    /// </summary>
    public bool Overwrite { get; init; }

    /// <summary>How much may be copied per second, in bytes; 0: as fast as it goes.</summary>
    public long MaxBytesPerSecond { get; init; }

    /// <summary>Begin even where the volume seems to have too little room; a full volume then stops the operation half way, cleanly.</summary>
    public bool SkipSpaceCheck { get; init; }
}
