namespace QedVd.Host;

/// <summary>What a commit did.</summary>
public sealed record CommitResult
{
    /// <summary>Bytes written into the target.</summary>
    public required long CopiedBytes { get; init; }

    /// <summary>The level that holds the content now.</summary>
    public required string TargetPath { get; init; }

    /// <summary>Levels that were between and belong to the chain no more. They were not changed, but their parent was: they are of no use, and can be deleted.</summary>
    public required IReadOnlyList<string> SupersededPaths { get; init; }
}
