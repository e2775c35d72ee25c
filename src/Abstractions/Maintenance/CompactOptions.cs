namespace QedVd;

/// <summary>What a compaction does.</summary>
public sealed record CompactOptions
{
    /// <summary>Read the data and drop blocks that are all zero.</summary>
    public bool DropZeroBlocks { get; init; } = true;

    /// <summary>Asked whether a block's bytes equal what lies beneath at a disk offset, so that it can be dropped; null keeps such blocks.</summary>
    public Func<long, ReadOnlyMemory<byte>, CancellationToken, ValueTask<bool>>? EqualsBeneath { get; init; }
}
