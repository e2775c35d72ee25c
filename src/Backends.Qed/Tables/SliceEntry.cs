namespace QedVd.Backends.Qed;

/// <summary>An entry as it stands in a cached slice: proven when the slice was loaded, so that a lookup has nothing to prove.</summary>
internal static class SliceEntry
{
    public const ulong Unallocated = QedEntry.Unallocated;

    public const ulong Zero = QedEntry.Zero;

    /// <summary>In memory only: the storage has a value that no entry may have here. What it describes cannot be read or written.</summary>
    public const ulong Invalid = 2;

    /// <summary>Whether the entry is the offset of a table or of a data cluster.</summary>
    public static bool IsOffset(ulong entry) => entry > Invalid;

    public static ExtentKind KindOf(ulong entry) => entry switch
    {
        Unallocated => ExtentKind.Free,
        Zero => ExtentKind.Zero,
        _ => ExtentKind.Data,
    };
}
