namespace QedVd.Hostile.Tests.Differential;

/// <summary>A piece of the disk inside one cluster: what we read there, the parent's bytes where the image has nothing; null where we answer with an error.</summary>
internal sealed record DiskPiece(long Offset, int LengthBytes, byte[]? Bytes);
