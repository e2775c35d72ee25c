namespace QedVd.Host;

/// <summary>The right on which two openers of a file disagree.</summary>
/// <param name="Bit">The permission's number.</param>
/// <param name="DeniedByHolder">True: the holder does not let others use it. False: the holder uses what we would deny.</param>
internal readonly record struct LockConflict(int Bit, bool DeniedByHolder)
{
    public string RightName => Bit switch
    {
        0 => "consistent read",
        1 => "write",
        2 => "write unchanged",
        3 => "resize",
        _ => "unknown",
    };
}
