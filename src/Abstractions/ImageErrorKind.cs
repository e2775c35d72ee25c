namespace QedVd;

/// <summary>What went wrong, in terms a program can act on. Values are stable.</summary>
public enum ImageErrorKind
{
    /// <summary>The storage failed (a device or system error); the inner exception tells which.</summary>
    Io = 0,

    /// <summary>The bytes are not an image of the format that was asked for.</summary>
    NotThisFormat = 1,

    /// <summary>An image of the format, with a feature that this backend does not know.</summary>
    UnsupportedFeature = 2,

    /// <summary>The image contradicts its format: a field or table entry has a value that it may not have.</summary>
    Corrupt = 3,

    /// <summary>A change was asked of an image, disk or file that is read-only.</summary>
    ReadOnly = 4,

    /// <summary>Another opener holds the file in a way that excludes this one. Retryable.</summary>
    InUse = 5,

    /// <summary>The file, or a parent in a chain, does not exist.</summary>
    NotFound = 6,

    /// <summary>A reference in an image, or a kind of file, that the policy in force does not allow to open.</summary>
    RefusedByPolicy = 7,

    /// <summary>No room on the host's volume. Retryable once room was made; a virtual machine may pause on it.</summary>
    OutOfSpace = 8,

    /// <summary>The format, the backend or the storage has no such operation; the capability flags say so too.</summary>
    NotSupported = 9,

    /// <summary>An argument outside what the member documents, found by the side that validates it.</summary>
    InvalidArgument = 10,

    /// <summary>The target exists and overwriting was not asked for.</summary>
    AlreadyExists = 11,

    /// <summary>A barrier failed earlier: what was written since the last good one is undefined and writing has ended.</summary>
    Fenced = 12,

    /// <summary>A plugin or a backend broke the contract.</summary>
    BackendFault = 13,
}
