namespace QedVd.Backends.Qed;

/// <summary>An L2 table: the entry of L1 that names it, and where it lies.</summary>
internal readonly record struct TablePlace(int L1Index, long Offset);
