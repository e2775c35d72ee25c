namespace QedVd.Host;

/// <summary>A piece of a disk that is to be copied in one go.</summary>
/// <param name="OffsetBytes">Where it starts on the disk.</param>
/// <param name="LengthBytes">Its length; of all but <see cref="CopyAction.Zero"/> at most what a worker's buffer holds.</param>
/// <param name="Action">What is to be done with it.</param>
internal readonly record struct CopyPiece(long OffsetBytes, long LengthBytes, CopyAction Action)
{
    public long EndBytes => OffsetBytes + LengthBytes;
}
