namespace QedVd;

/// <summary>What a piece of an image's storage is for.</summary>
public enum MetadataChunkKind
{
    /// <summary>Header area.</summary>
    Header = 0,

    /// <summary>First-level table (or the only table).</summary>
    TopTable = 1,

    /// <summary>Second-level table.</summary>
    Table = 2,

    /// <summary>Guest data.</summary>
    Data = 3,
}
