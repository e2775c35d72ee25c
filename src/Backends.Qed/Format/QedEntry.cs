namespace QedVd.Backends.Qed;

/// <summary>The values that a table entry may have besides the offset of a table or cluster.</summary>
internal static class QedEntry
{
    /// <summary>L1: no L2 table. L2: the parent decides.</summary>
    public const ulong Unallocated = 0;

    /// <summary>L2 only: the cluster reads as zero, whatever a parent holds.</summary>
    public const ulong Zero = 1;
}
