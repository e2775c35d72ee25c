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

    /// <summary>
    /// Leave the files of the merged levels, which are of no use any more; otherwise they are deleted once the survivor stands, unless of some image in the folders
    /// it cannot be told whether it needs one of them.
    /// </summary>
    /// <remarks>Downwards from the top, the top's file is left too: it still opens, over the survivor, and hides there what is written to the survivor from then on.
    /// Do not open it any more; delete it.</remarks>
    public bool KeepFiles { get; init; }

    /// <summary>Further folders to look through for images that have one of the levels as their parent, besides those of the chain's files.</summary>
    public IReadOnlyList<string> SiblingFolders { get; init; } = [];
}
