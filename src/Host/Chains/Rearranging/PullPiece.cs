namespace QedVd.Host;

/// <summary>A range of whole blocks that are free in the level that is filled, or were a moment ago; of none, where nothing is to be done up to there.</summary>
/// <param name="OffsetBytes">Where it starts.</param>
/// <param name="EndBytes">Where it ends; not beyond the end of the disk.</param>
/// <param name="IsZero">The old view reads zeros, and the new one may not: no look at the content is needed.</param>
/// <param name="IsOverData">The new view may hold data, so that only a comparison can say where both are equal. Else it reads zeros.</param>
internal readonly record struct PullPiece(long OffsetBytes, long EndBytes, bool IsZero, bool IsOverData)
{
    public long LengthBytes => EndBytes - OffsetBytes;
}
