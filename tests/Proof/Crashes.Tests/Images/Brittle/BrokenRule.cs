namespace QedVd.Crashes.Tests.Images.Brittle;

/// <summary>The rule of ordering (docs/reliability.md) that a <see cref="BrittleBackend"/> breaks.</summary>
public enum BrokenRule
{
    /// <summary>None: the explorer finds nothing.</summary>
    None,

    /// <summary>R2: an entry is written without waiting for its data.</summary>
    DataBeforeEntry,

    /// <summary>R3: a table is linked without waiting for it.</summary>
    TableBeforeLink,

    /// <summary>R4: a block is used again while the entry that named it may come back.</summary>
    QuarantineOfFreed,

    /// <summary>R5: tables are changed without waiting for the mark.</summary>
    MarkBeforeTables,

    /// <summary>R7: header and name are written as one, over the old ones.</summary>
    NameBesideTheOld,

    /// <summary>No rule of ordering, but what I6 is about: what was freed is never used again.</summary>
    ReuseOfFreed,
}
