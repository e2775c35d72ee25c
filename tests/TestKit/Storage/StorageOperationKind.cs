namespace QedVd.TestKit;

/// <summary>What was asked of a simulated file.</summary>
public enum StorageOperationKind
{
    /// <summary>A read. Counted, held and failed like the others, but not recorded.</summary>
    Read = 0,

    /// <summary>A write.</summary>
    Write = 1,

    /// <summary>A change of the length.</summary>
    SetLength = 2,

    /// <summary>A punched hole.</summary>
    PunchHole = 3,

    /// <summary>Room taken for a range.</summary>
    Allocate = 4,

    /// <summary>A barrier.</summary>
    Barrier = 5,

    /// <summary>Not an operation: a note that a test put into the trace (<see cref="SimulatedFile.Mark"/>).</summary>
    Mark = 6,
}
