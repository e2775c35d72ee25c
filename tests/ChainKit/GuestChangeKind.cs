namespace QedVd.ChainKit;

/// <summary>What a guest asks of a disk.</summary>
public enum GuestChangeKind
{
    Data,
    Zero,
    ZeroUnmap,
    Discard,
}
