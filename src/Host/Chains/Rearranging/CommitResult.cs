namespace QedVd.Host;

/// <summary>What a commit did.</summary>
public sealed record CommitResult
{
    /// <summary>Bytes written into the target.</summary>
    public required long CopiedBytes { get; init; }

    /// <summary>The level that holds the content now.</summary>
    public required string TargetPath { get; init; }

    /// <summary>
    /// Files of levels that were between, belong to the chain no more, and were not deleted. They were not changed, but their parent was: they are of no use, and
    /// should be deleted, because they count as children of the target.
    /// </summary>
    public required IReadOnlyList<string> SupersededPaths { get; init; }

    /// <summary>Files of such levels that were deleted; see <see cref="CommitOptions.DeleteSuperseded"/>.</summary>
    public IReadOnlyList<string> DeletedPaths { get; init; } = [];
}
