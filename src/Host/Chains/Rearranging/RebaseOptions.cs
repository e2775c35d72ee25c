namespace QedVd.Host;

/// <summary>How a rebase (<see cref="VirtualDisk"/>) gives a disk another parent.</summary>
/// <remarks>The new chain is opened as the disk's own was: <see cref="DiskOpenOptions.Trust"/>, <see cref="DiskOpenOptions.AllowedRoots"/> and so on.</remarks>
public sealed record RebaseOptions : ChainOperationOptions
{
    /// <summary>The new parent's format; null: found by probing, with certainty.</summary>
    public string? ParentFormat { get; init; }

    /// <summary>Record the parent's full path even where a relative one would do.</summary>
    public bool AbsoluteName { get; init; }
}
