namespace QedVd;

/// <summary>What a compaction does.</summary>
public sealed record CompactOptions
{
    /// <summary>Read the data and drop blocks that are all zero.</summary>
    public bool DropZeroBlocks { get; init; } = true;

    /// <summary>Asked whether a block's bytes equal what lies beneath at a disk offset, so that it can be dropped; null keeps such blocks.</summary>
    public Func<long, ReadOnlyMemory<byte>, CancellationToken, ValueTask<bool>>? EqualsBeneath { get; init; }

    /// <summary>
    /// Asked whether a run of the disk (offset, length), data or zeros, reads the same beneath, durably: then its blocks become free without a look at their
    /// bytes. Null: nothing does.
    /// </summary>
    /// <remarks>
    /// A block is freed only on an answer that was given while nobody was writing to it, and after every write to it that had begun before. So whoever
    /// answers need only take down each change of the disk before it is handed to the image, and say no from then on. Answers are memory's: it must not wait.
    /// </remarks>
    public Func<long, long, bool>? IsHeldBeneath { get; init; }
}
