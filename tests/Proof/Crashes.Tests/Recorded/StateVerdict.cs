namespace QedVd.Crashes.Tests.Recorded;

/// <summary>What is wrong with a state that a crash has left.</summary>
[Flags]
internal enum StateVerdict
{
    Right = 0,

    /// <summary>It cannot be opened.</summary>
    Unopenable = 1,

    /// <summary>A table refers to what is not there, or is another's, and the image asks for a repair at the next opening, which clears that.</summary>
    BadReferenceFlagged = 2,

    /// <summary>The same, and the image says that it is sound.</summary>
    BadReferenceTrusted = 4,

    /// <summary>A guest reads what was never written there: what a disk happened to hold.</summary>
    Garbage = 8,

    /// <summary>A guest reads neither what was there nor what was written, or not what was durable.</summary>
    WrongData = 16,

    /// <summary>What makes a state a violation: a bad reference that is repaired is none.</summary>
    Violation = Unopenable | BadReferenceTrusted | Garbage | WrongData,
}
