namespace QedVd.Host;

/// <summary>How a merge (<see cref="VirtualDisk"/>) makes one level of several neighbours.</summary>
public sealed record MergeOptions : ChainOperationOptions
{
    /// <summary>The highest of the levels; 0 is the top.</summary>
    public int FromDepth { get; init; }

    /// <summary>The lowest of the levels; more than <see cref="FromDepth"/>.</summary>
    public int ToDepth { get; init; } = 1;

    /// <summary>Which level stays.</summary>
    public MergeDirection Direction { get; init; }

    /// <summary>Leave the files of the merged levels, which are of no use any more; otherwise they are deleted once the survivor stands.</summary>
    public bool KeepFiles { get; init; }

    /// <summary>Further folders to look through for images that have one of the levels as their parent, besides those of the chain's files.</summary>
    public IReadOnlyList<string> SiblingFolders { get; init; } = [];
}
