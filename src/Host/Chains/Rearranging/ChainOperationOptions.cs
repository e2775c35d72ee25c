namespace QedVd.Host;

/// <summary>What all operations that rearrange a chain have in common.</summary>
public abstract record ChainOperationOptions
{
    /// <summary>
    /// How much may be copied per second, in bytes, so that the guest keeps its share of the storage; 0: as fast as it goes. Where a guest writes faster than that to
    /// a top that is merged into its parent, what it has written meanwhile is in the end copied faster.
    /// </summary>
    public long MaxBytesPerSecond { get; init; }

    /// <summary>Begin even where the volume seems to have too little room; a full volume then stops the operation half way, cleanly.</summary>
    public bool SkipSpaceCheck { get; init; }
}
