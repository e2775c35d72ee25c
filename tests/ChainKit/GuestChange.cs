namespace QedVd.ChainKit;

/// <summary>One request of a guest. Its bytes, if any, are <see cref="GuestPattern"/>'s.</summary>
public readonly record struct GuestChange(GuestChangeKind Kind, long Offset, int LengthBytes, long Pattern)
{
    public long EndBytes => Offset + LengthBytes;

    /// <summary>Whether whole blocks are in it.</summary>
    public bool CoversBlock(int blockBytes) => (Offset + blockBytes - 1) / blockBytes * blockBytes + blockBytes <= EndBytes;
}
