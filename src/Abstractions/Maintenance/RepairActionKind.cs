namespace QedVd;

/// <summary>What a repair did. Values are stable.</summary>
public enum RepairActionKind
{
    /// <summary>A table entry that named no usable place was cleared.</summary>
    ClearedEntry = 0,

    /// <summary>A piece of the storage that two references shared was copied, so that each has its own.</summary>
    CopiedApart = 1,

    /// <summary>A data cluster or a table was moved to a free place, so that the storage can be cut behind it.</summary>
    Moved = 2,

    /// <summary>Room that nothing refers to was given back to the storage.</summary>
    ReclaimedLeaks = 3,

    /// <summary>The storage was cut behind the last place in use.</summary>
    TrimmedTail = 4,

    /// <summary>The storage was made longer, to the end of a place of which a part had been cut off; what is left of it is kept.</summary>
    ExtendedTail = 5,

    /// <summary>The format's own mark that a check is due was cleared.</summary>
    ClearedMark = 6,

    /// <summary>Something that had to be left as it is; the message says why.</summary>
    LeftAlone = 7,
}
