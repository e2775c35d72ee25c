namespace QedVd.Host;

/// <summary>A run of the disk, and what a push does with it.</summary>
internal readonly record struct PushRun(PushKind Kind, long OffsetBytes, long LengthBytes)
{
    public long EndBytes => OffsetBytes + LengthBytes;
}
