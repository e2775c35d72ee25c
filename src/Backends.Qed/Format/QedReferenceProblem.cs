namespace QedVd.Backends.Qed;

/// <summary>Why a table entry cannot be the offset of a table or of a data cluster.</summary>
internal enum QedReferenceProblem
{
    /// <summary>It can.</summary>
    None = 0,

    /// <summary>It is no multiple of the cluster size.</summary>
    Unaligned,

    /// <summary>What it names does not lie, whole, inside the whole clusters of the file.</summary>
    OutsideFile,

    /// <summary>What it names starts in the header area.</summary>
    InHeader,

    /// <summary>What it names overlaps the L1 table.</summary>
    InL1,
}
