namespace QedVd.Backends.Qed;

/// <summary>An L2 entry that is to change.</summary>
/// <param name="Cluster">The cluster of the disk that it describes.</param>
/// <param name="Before">What it must be.</param>
/// <param name="After">What it becomes; the same when it is left as it is after all.</param>
internal readonly record struct EntryChange(long Cluster, ulong Before, ulong After);
