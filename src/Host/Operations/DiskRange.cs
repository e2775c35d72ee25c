namespace QedVd.Host;

/// <summary>A range of a disk.</summary>
/// <param name="OffsetBytes">Where it starts, in bytes.</param>
/// <param name="LengthBytes">Its length in bytes; at least 1.</param>
public readonly record struct DiskRange(long OffsetBytes, long LengthBytes)
{
    /// <summary>Where it ends.</summary>
    public long EndBytes => OffsetBytes + LengthBytes;
}
