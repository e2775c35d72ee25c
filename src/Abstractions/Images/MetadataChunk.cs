namespace QedVd;

/// <summary>A piece of an image's storage and what it is for.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="StorageOffset">Where it lies in the storage.</param>
/// <param name="LengthBytes">Its length.</param>
/// <param name="DiskOffset">The part of the disk that it describes or holds; -1 where that means nothing.</param>
public readonly record struct MetadataChunk(MetadataChunkKind Kind, long StorageOffset, long LengthBytes, long DiskOffset = -1);
