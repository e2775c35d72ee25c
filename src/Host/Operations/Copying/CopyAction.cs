namespace QedVd.Host;

/// <summary>What a conversion does with a piece of the disk.</summary>
internal enum CopyAction
{
    /// <summary>Nothing: the target reads the same already.</summary>
    None,

    /// <summary>The target is made to read zero.</summary>
    Zero,

    /// <summary>Read from the source, written to the target.</summary>
    Copy,

    /// <summary>Read from the source and from the target's parent; what differs is written.</summary>
    CopyDifferences,
}
