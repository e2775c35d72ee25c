namespace QedVd.Backends.Qed;

/// <summary>A slice of an L2 table and where it is.</summary>
/// <param name="Key">Its number in the cache.</param>
/// <param name="StorageOffset">Where it lies in the storage.</param>
/// <param name="L1Index">The entry of L1 that leads to its table.</param>
internal readonly record struct SlicePlace(long Key, long StorageOffset, int L1Index);
