namespace QedVd.Host;

/// <summary>Which of QEMU's byte locks an open file holds, and so whom it keeps out.</summary>
public enum ImageLockMode
{
    /// <summary><see cref="ReadWrite"/> for a writable file, <see cref="Read"/> for a read-only one.</summary>
    ByAccess = 0,

    /// <summary>Nothing is held or tested ("force share"). Read-only files only; what is read may be changing.</summary>
    None = 1,

    /// <summary>Held while metadata is looked at, as <c>qemu-img info</c> does: keeps writers out.</summary>
    Info = 2,

    /// <summary>For reading, and for every parent in a chain: readers share, writers are kept out.</summary>
    Read = 3,

    /// <summary>For writing: everybody else is kept out, except for those who ask for nothing.</summary>
    ReadWrite = 4,
}
