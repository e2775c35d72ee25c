namespace QedVd.Backends.Qed;

/// <summary>
/// The number under which a 4 KiB slice of a table is cached. A slice of an L2 table is named by the part of the disk that it describes
/// (so that it is found without its L1 entry), a slice of L1 by a negative number.
/// </summary>
internal static class SliceKey
{
    /// <summary>Logarithm of the entries in a slice.</summary>
    public const int EntryBits = 9;

    public const int EntryMask = TablePage.EntryCount - 1;

    /// <summary>The slice of L1 that holds an entry.</summary>
    public static long ForL1(int l1Index) => ~(long)(l1Index >> EntryBits);

    /// <summary>The slice of an L2 table that describes a cluster of the disk.</summary>
    public static long ForCluster(long cluster) => cluster >> EntryBits;

    public static bool IsL1(long key) => key < 0;

    /// <summary>Number of an L1 slice inside the table.</summary>
    public static int L1Slice(long key) => (int)~key;
}
