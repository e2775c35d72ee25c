namespace QedVd.Host;

/// <summary>
/// QEMU's permissions as bits: what an opener uses (byte 100 + bit), and what it does not let others use (byte 200 + bit).
/// </summary>
internal readonly record struct LockRights(int Uses, int Denies)
{
    public const int Read = 1 << 0;
    public const int Write = 1 << 1;
    public const int Resize = 1 << 3;
    public const int BitCount = 4;
    public const int FirstUsesByte = 100;
    public const int FirstDeniesByte = 200;

    public static LockRights None => default;

    /// <summary>While an existing file is replaced or truncated.</summary>
    public static LockRights Create => new(Write | Resize, Resize);

    public bool IsNone => Uses == 0 && Denies == 0;

    public static LockRights Of(ImageLockMode mode) => mode switch
    {
        ImageLockMode.None => None,
        ImageLockMode.Info => new(0, Write | Resize),
        ImageLockMode.Read => new(Read, Write | Resize),
        ImageLockMode.ReadWrite => new(Read | Write | Resize, Write | Resize),
        _ => throw new ArgumentOutOfRangeException(nameof(mode), mode, null),
    };

    /// <summary>What is in this and not in another.</summary>
    public LockRights Without(LockRights other) => new(Uses & ~other.Uses, Denies & ~other.Denies);

    /// <summary>The first right that keeps the two apart, with who denies it; null when both may hold theirs.</summary>
    public LockConflict? ConflictWith(LockRights holder)
    {
        // The order is that of the tests on the file: what I use and the other denies, then what I deny and the other uses.
        for (int bit = 0; bit < BitCount; bit++)
        {
            if ((Uses & holder.Denies & (1 << bit)) != 0)
            {
                return new LockConflict(bit, DeniedByHolder: true);
            }
        }

        for (int bit = 0; bit < BitCount; bit++)
        {
            if ((Denies & holder.Uses & (1 << bit)) != 0)
            {
                return new LockConflict(bit, DeniedByHolder: false);
            }
        }

        return null;
    }
}
