namespace QedVd;

/// <summary>
/// What lies beneath an image, told by the host: an image knows its parent's name only. Until told, an image that names a parent assumes
/// <see cref="Unknown"/>, one that does not assumes <see cref="Nothing"/>.
/// </summary>
/// <remarks>
/// Only over nothing, or beyond <see cref="LengthBytes"/>, may an image allocate for a part of a block, leave a zero marker out, or
/// otherwise rely on free space reading as zero.
/// </remarks>
public readonly record struct Beneath
{
    private Beneath(BeneathKind kind, long lengthBytes)
    {
        Kind = kind;
        LengthBytes = lengthBytes;
    }

    /// <summary>Anything may lie beneath.</summary>
    public static Beneath Unknown => default;

    /// <summary>Nothing lies beneath.</summary>
    public static Beneath Nothing => new(BeneathKind.Nothing, 0);

    /// <summary>What is known.</summary>
    public BeneathKind Kind { get; }

    /// <summary>With <see cref="BeneathKind.UpTo"/>, the length of the longest level beneath; otherwise 0.</summary>
    public long LengthBytes { get; }

    /// <summary>Levels lie beneath, and none is longer than <paramref name="lengthBytes"/>.</summary>
    public static Beneath UpTo(long lengthBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(lengthBytes);
        return new Beneath(BeneathKind.UpTo, lengthBytes);
    }

    /// <summary>Whether something may lie beneath at or behind <paramref name="offset"/>.</summary>
    public bool MayHoldDataAt(long offset) => Kind switch
    {
        BeneathKind.Nothing => false,
        BeneathKind.UpTo => offset < LengthBytes,
        _ => true,
    };
}
