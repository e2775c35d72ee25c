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

    /// <summary>I1: an image with the mark is refused.</summary>
    OpeningOfMarked,

    /// <summary>I1: opening an image with the mark never ends.</summary>
    EndOfOpening,

    /// <summary>I5: a recovery does not take the mark away.</summary>
    MarkAfterRecovery,

    /// <summary>I5: who closes what was recovered cuts the last block off.</summary>
    LengthAfterRecovery,

    /// <summary>I7: after a recovery a block of data counts as free.</summary>
    UsedBlocksAfterRecovery,

    /// <summary>I8: a recovery takes the mark away before it clears what leads nowhere.</summary>
    MarkDuringRecovery,

    /// <summary>I11: a larger size is written in two steps.</summary>
    SizeAtOnce,

    /// <summary>I12: an image with the mark is recovered also when it is opened to be read.</summary>
    ReadOnlyOpening,
}
