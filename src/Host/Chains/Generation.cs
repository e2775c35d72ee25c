namespace QedVd.Host;

/// <summary>
/// The levels of a disk for as long as they do not change. A request uses the generation that it began with; a level that a later one has no more
/// closes once the requests of this one have left.
/// </summary>
internal sealed class Generation
{
    private readonly int _topBlockBytes;

    /// <param name="levels">Top first.</param>
    /// <param name="lengthBytes">What the guest may address; null: all of the top.</param>
    /// <param name="isParentRenamed">The top names another parent than it is composed with: what it does not hold itself may read as something else once it is opened again.</param>
    public Generation(IReadOnlyList<Level> levels, long? lengthBytes = null, bool isParentRenamed = false)
    {
        IsParentRenamed = isParentRenamed;
        Levels = [.. levels];
        Images = [.. levels.Select(level => level.Image)];
        LengthsBytes = [.. levels.Select(level => level.Image.VirtualSizeBytes)];
        LengthBytes = lengthBytes ?? LengthsBytes[0];
        _topBlockBytes = Math.Max(1, Images[0].Limits.BlockBytes);
        Beneath = isParentRenamed ? Beneath.Unknown : BeneathOf(0);
        OverEndBytes = Beneath.Kind == BeneathKind.Unknown ? long.MaxValue : RoundUp(Beneath.LengthBytes, _topBlockBytes);
        Memo = OwnerMemo.TryCreate(Levels, Images, LengthsBytes);
        IsTopReadOnly = Images[0].IsReadOnly;
        HonorSame = isParentRenamed || (Images[0].OpenFlags & ImageOpenFlags.HonorSame) != 0 || Levels.Skip(1).Any(level => level.IsMutable);
    }

    public Level[] Levels { get; }

    /// <summary>The images of <see cref="Levels"/>, to be found without a detour.</summary>
    public IDiskImage[] Images { get; }

    /// <summary>The sizes of their disks.</summary>
    public long[] LengthsBytes { get; }

    /// <summary>What the guest may address. The top's own size, but for the time of a shrink.</summary>
    public long LengthBytes { get; }

    public IDiskImage Top => Images[0];

    public int TopBlockBytes => _topBlockBytes;

    /// <summary>Whether the top was opened read-only. A top that is being frozen for a snapshot is not: who wants to write then waits for the overlay.</summary>
    public bool IsTopReadOnly { get; }

    /// <summary>What is known of the levels that do not change; null for a short chain.</summary>
    public OwnerMemo? Memo { get; }

    /// <summary>What lies beneath the top.</summary>
    public Beneath Beneath { get; }

    /// <summary>Where the last of the top's blocks ends that something lies beneath.</summary>
    public long OverEndBytes { get; }

    /// <summary>Whether what lies beneath is not what lies there once the disk is opened again: then nothing may be left to it.</summary>
    public bool IsParentRenamed { get; }

    /// <summary>Whether data is written though the chain reads it already.</summary>
    public bool HonorSame { get; }

    /// <summary>Reads under way.</summary>
    public RequestGate Readers { get; } = new();

    /// <summary>Everything under way that changes or flushes the top.</summary>
    public RequestGate Writers { get; } = new();

    /// <summary>The end of the last block may be one byte more than a number can say: then it is the largest number.</summary>
    public static long RoundUp(long value, int block)
    {
        long missing = (block - (value % block)) % block;
        return value > long.MaxValue - missing ? long.MaxValue : value + missing;
    }

    /// <summary>The same levels for a guest that sees less of them.</summary>
    public Generation Narrowed(long lengthBytes) => new(Levels, lengthBytes, IsParentRenamed);

    /// <summary>The same levels, looked at anew.</summary>
    public Generation Remade() => new(Levels, lengthBytes: null, IsParentRenamed);

    /// <summary>The same levels, with the top in another place.</summary>
    public Generation Moved(string path) => new([Levels[0].At(path), .. Levels[1..]], lengthBytes: null, IsParentRenamed);

    /// <summary>The same levels under a new top.</summary>
    public Generation Under(Level overlay) => new([overlay, .. Levels], lengthBytes: null, IsParentRenamed);

    /// <summary>The same levels under a top that names another parent.</summary>
    public Generation WithRenamedParent() => new(Levels, lengthBytes: null, isParentRenamed: true);

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
