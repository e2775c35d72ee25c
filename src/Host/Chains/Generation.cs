namespace QedVd.Host;

/// <summary>
/// The levels of a disk for as long as they do not change. A request uses the generation that it began with; a level that a later one has no more
/// closes once the requests of this one have left.
/// </summary>
internal sealed class Generation
{
    private readonly int _topBlockBytes;
    private readonly GenerationTraits _traits;

    /// <param name="levels">Top first.</param>
    /// <param name="traits">What is special about it for a while.</param>
    public Generation(IReadOnlyList<Level> levels, GenerationTraits traits = default)
    {
        _traits = traits;
        Levels = [.. levels];
        Images = [.. levels.Select(level => level.Image)];
        LengthsBytes = [.. levels.Select(level => level.Image.VirtualSizeBytes)];
        LengthBytes = traits.LengthBytes ?? LengthsBytes[0];
        _topBlockBytes = Math.Max(1, Images[0].Limits.BlockBytes);
        bool isBeneathUnsettled = traits.IsParentRenamed || traits.IsRearranging;
        Beneath = isBeneathUnsettled ? Beneath.Unknown : BeneathOf(0);
        OverEndBytes = Beneath.Kind == BeneathKind.Unknown ? long.MaxValue : RoundUp(Beneath.LengthBytes, _topBlockBytes);
        Memo = OwnerMemo.TryCreate(Levels, Images, LengthsBytes);
        IsTopReadOnly = Images[0].IsReadOnly;
        HonorSame = isBeneathUnsettled || (Images[0].OpenFlags & ImageOpenFlags.HonorSame) != 0 || Levels.Skip(1).Any(level => level.IsMutable);
        Changes = traits.Changes;
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
    public bool IsParentRenamed => _traits.IsParentRenamed;

    /// <summary>Takes down what the guest changes; null when nobody wants to know.</summary>
    public ChangeTracker? Changes { get; }

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
    public Generation Narrowed(long lengthBytes) => new(Levels, _traits with { LengthBytes = lengthBytes });

    /// <summary>The same levels, looked at anew.</summary>
    public Generation Remade() => new(Levels, _traits with { LengthBytes = null });

    /// <summary>The same levels, with the top in another place.</summary>
    public Generation Moved(string path) => new([Levels[0].At(path), .. Levels[1..]], _traits with { LengthBytes = null });

    /// <summary>The same levels under a new top.</summary>
    public Generation Under(Level overlay) => new([overlay, .. Levels], _traits with { LengthBytes = null });

    /// <summary>The same levels under a top that names another parent.</summary>
    public Generation WithRenamedParent() => new(Levels, new GenerationTraits { IsParentRenamed = true });

    /// <summary>Other levels, or the same, that are being rearranged: nothing is left to what lies beneath the top, and what the guest changes is taken down.</summary>
    public static Generation Rearranging(IReadOnlyList<Level> levels, ChangeTracker? changes) =>
        new(levels, new GenerationTraits { IsRearranging = true, Changes = changes });

    /// <summary>Whether what a request to a level threw is its backend's mistake. That of an open disk at the bottom which its owner has closed is not.</summary>
    public bool IsFault(Exception exception, CancellationToken cancellationToken = default) =>
        BackendFault.Is(exception, cancellationToken) && !(exception is ObjectDisposedException && Images[^1] is DiskAsImage);

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
