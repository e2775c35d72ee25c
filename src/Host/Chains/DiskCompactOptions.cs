namespace QedVd.Host;

/// <summary>What <see cref="VirtualDisk.CompactAsync"/> gives back, besides room that nothing refers to.</summary>
public sealed record DiskCompactOptions
{
    /// <summary>Read the top's data and drop blocks that are all zero.</summary>
    public bool DropZeroBlocks { get; init; } = true;

    /// <summary>
    /// Compare the top's blocks with what the chain beneath reads, and drop those that are equal. Beyond the end of a parent, that is zeros.
    /// Refused over a parent that is an open, writable disk, and after <see cref="VirtualDisk.SetParentNameAsync"/> on the same open disk.
    /// </summary>
    public bool DropBlocksEqualToParent { get; init; }
}
