namespace QedVd;

/// <summary>A run of a storage that is all data or all hole.</summary>
/// <param name="LengthBytes">Length from the offset asked for; at least 1 inside the storage, 0 at or beyond its end.</param>
/// <param name="IsHole">True when no room is used and the bytes read as zero. False also where it is not known.</param>
public readonly record struct StorageExtent(long LengthBytes, bool IsHole);
