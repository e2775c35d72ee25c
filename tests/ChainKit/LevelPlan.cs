namespace QedVd.ChainKit;

/// <summary>One image of a <see cref="ChainPlan"/>, and what its guest did while it was the top.</summary>
public sealed record LevelPlan
{
    public required string Name { get; init; }

    /// <summary>"qed" or "raw".</summary>
    public required string Format { get; init; }

    public required long SizeBytes { get; init; }

    public int ClusterBytes { get; init; } = 65536;

    public int TableClusters { get; init; } = 4;

    public required IReadOnlyList<GuestChange> Changes { get; init; }

    /// <summary>The unit in which changes are drawn.</summary>
    public int BlockBytes => Format == "raw" ? 4096 : ClusterBytes;
}
