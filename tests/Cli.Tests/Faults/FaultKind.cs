namespace QedVd.Cli.Tests.Faults;

/// <summary>
/// How an operation that a backend asks of a storage goes wrong. What the host asks of files itself (locks, names, folders, copies between two files) goes
/// wrong in <see cref="CallFault"/>: no backend is between them.
/// </summary>
internal enum FaultKind
{
    /// <summary>A read fails.</summary>
    Read,

    /// <summary>A read returns less than there is, without an error: the file has become shorter.</summary>
    ShortRead,

    /// <summary>A write fails.</summary>
    Write,

    /// <summary>A write fails when its first sector is written.</summary>
    HalfWrite,

    /// <summary>A write finds no room.</summary>
    WriteWithoutRoom,

    /// <summary>The length cannot be changed.</summary>
    Length,

    /// <summary>A hole cannot be punched.</summary>
    Punch,

    /// <summary>Room cannot be taken.</summary>
    Allocate,

    /// <summary>A barrier fails, and with it all that is written to the file from then on.</summary>
    Barrier,
}
