namespace QedVd.Host;

/// <summary>How a commit (<see cref="VirtualDisk"/>) moves what the top holds into a level beneath it.</summary>
public sealed record CommitOptions : ChainOperationOptions
{
    /// <summary>The depth of the level that takes the content; 1 is the direct parent. Levels between are no part of the chain afterwards.</summary>
    public int TargetDepth { get; init; } = 1;

    /// <summary>Leave the top filled; otherwise it is emptied of what was committed.</summary>
    public bool KeepTop { get; init; }

    /// <summary>
    /// Delete the files of the levels between, once the top names the target, durably. They count as children of the target otherwise, so that later commits and
    /// merges refuse until they are deleted. Who finishes an interrupted commit decides it anew.
    /// </summary>
    public bool DeleteSuperseded { get; init; }

    /// <summary>Further folders to look through for images that have a changed level as their parent, besides those of the chain's files.</summary>
    public IReadOnlyList<string> SiblingFolders { get; init; } = [];
}
