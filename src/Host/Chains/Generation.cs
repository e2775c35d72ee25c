namespace QedVd.Host;

/// <summary>
/// The levels of a disk for as long as they do not change. A request uses the generation that it began with; a level that a later one has no more
/// closes once the requests of this one have left.
/// </summary>
internal sealed class Generation
{
    private readonly int _topBlockBytes;

    public Generation(IReadOnlyList<Level> levels)
    {
        Levels = [.. levels];
        Images = [.. levels.Select(level => level.Image)];
        LengthsBytes = [.. levels.Select(level => level.Image.VirtualSizeBytes)];
        LengthBytes = LengthsBytes[0];
        _topBlockBytes = Math.Max(1, Images[0].Limits.BlockBytes);
        Beneath = BeneathOf(0);
        Memo = OwnerMemo.TryCreate(Levels, Images, LengthsBytes);
        HonorSame = (Images[0].OpenFlags & ImageOpenFlags.HonorSame) != 0 || Levels.Skip(1).Any(level => level.IsMutable);
    }

    public Level[] Levels { get; }

    /// <summary>The images of <see cref="Levels"/>, to be found without a detour.</summary>
    public IDiskImage[] Images { get; }

    /// <summary>The sizes of their disks.</summary>
    public long[] LengthsBytes { get; }

    public long LengthBytes { get; }

    public IDiskImage Top => Images[0];

    public int TopBlockBytes => _topBlockBytes;

    /// <summary>What is known of the levels that do not change; null for a short chain.</summary>
    public OwnerMemo? Memo { get; }

    /// <summary>What lies beneath the top.</summary>
    public Beneath Beneath { get; }

    /// <summary>Whether data is written though the chain reads it already.</summary>
    public bool HonorSame { get; }

    /// <summary>Reads under way.</summary>
    public RequestGate Readers { get; } = new();

    /// <summary>Everything under way that changes or flushes the top.</summary>
    public RequestGate Writers { get; } = new();

    /// <summary>What lies beneath a level.</summary>
    public Beneath BeneathOf(int depth)
    {
        if (depth == Levels.Length - 1)
        {
            return Beneath.Nothing;
        }

        long longest = 0;
        for (int i = depth + 1; i < LengthsBytes.Length; i++)
        {
            longest = Math.Max(longest, LengthsBytes[i]);
        }

        return Beneath.UpTo(longest);
    }

    /// <summary>Whether something lies beneath the top's block at <paramref name="offset"/>: then only the holder of its growth lock may allocate it.</summary>
    public bool IsBlockOverSomething(long offset) =>
        Beneath.Kind != BeneathKind.Nothing && Beneath.MayHoldDataAt(offset - (offset % _topBlockBytes));
}
