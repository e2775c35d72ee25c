namespace QedVd;

/// <summary>A run of the disk with one kind of blocks. A hard disk has one region; media with several tracks have more.</summary>
/// <param name="OffsetBytes">Where it starts on the disk.</param>
/// <param name="LengthBytes">Its length.</param>
/// <param name="BlockBytes">The size of a logical block as the guest sees it.</param>
public readonly record struct ImageRegion(long OffsetBytes, long LengthBytes, int BlockBytes = ImageRegion.SectorBytes)
{
    /// <summary>The usual logical block.</summary>
    public const int SectorBytes = 512;
}
