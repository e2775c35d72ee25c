namespace QedVd.Host;

/// <summary>How a disk goes back to what lies beneath its top (<see cref="VirtualDisk.RevertAsync"/>).</summary>
public sealed record RevertOptions
{
    /// <summary>Leave the top's file. It still opens, but what is written to its parent from then on shows through it.</summary>
    public bool KeepFile { get; init; }

    /// <summary>Further folders to look through for images that have the top or its parent as theirs, besides those of the chain's files.</summary>
    public IReadOnlyList<string> SiblingFolders { get; init; } = [];
}
