namespace QedVd.Backends.Qed;

/// <summary>An L2 table of this session. Until a write of its link was tried, the storage has nothing that leads to it.</summary>
internal sealed class NewTable(int l1Index, long offset)
{
    public int L1Index => l1Index;

    public long Offset => offset;

    /// <summary>Whether the storage may have the link: from then on its sectors are written behind a barrier as those of any other table.</summary>
    public bool IsLinked { get; set; }
}
