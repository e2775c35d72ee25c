namespace QedVd;

/// <summary>What an image makes read as zero without writing data there: by a marker, a hole, or because it reads as zero already.</summary>
[Flags]
public enum FastZeroKinds
{
    /// <summary>Nothing is promised.</summary>
    None = 0,

    /// <summary>Whole free blocks; over nothing, parts of them too.</summary>
    FreeBlocks = 1 << 0,

    /// <summary>Whole blocks of data. A block that ends with the disk is whole when it is zeroed up to there.</summary>
    DataBlocks = 1 << 1,

    /// <summary>Any part of a block of data.</summary>
    PartsOfData = 1 << 2,
}
