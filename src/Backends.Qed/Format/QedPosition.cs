namespace QedVd.Backends.Qed;

/// <summary>A byte of the disk, as the tables see it.</summary>
/// <param name="L1Index">Index of the entry in the L1 table.</param>
/// <param name="L2Index">Index of the entry in the L2 table.</param>
/// <param name="OffsetInCluster">Offset inside the cluster.</param>
internal readonly record struct QedPosition(int L1Index, int L2Index, int OffsetInCluster);
