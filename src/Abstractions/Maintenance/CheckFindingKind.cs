namespace QedVd;

/// <summary>What a check found. Values are stable.</summary>
public enum CheckFindingKind
{
    /// <summary>A reference that is not aligned, lies outside the storage or inside the header area or a table.</summary>
    InvalidReference = 0,

    /// <summary>A piece of the storage that two references share.</summary>
    SharedReference = 1,

    /// <summary>A piece of the storage that nothing refers to: room lost, nothing else.</summary>
    Leak = 2,

    /// <summary>A table that could not be read.</summary>
    ReadError = 3,

    /// <summary>The format's own mark that a check is due.</summary>
    NeedsCheck = 4,

    /// <summary>Something worth knowing that is no damage.</summary>
    Note = 5,
}
