namespace QedVd.TestKit;

/// <summary>How a <see cref="FolderState"/> came about.</summary>
public enum FolderCrashKind
{
    /// <summary>The process was killed between two calls.</summary>
    Killed = 0,

    /// <summary>The process was killed in the middle of a write.</summary>
    KilledWithin = 1,

    /// <summary>Every combination of what could be lost, of a position where there are few.</summary>
    Each = 2,

    /// <summary>Only what was durable is left.</summary>
    Nothing = 3,

    /// <summary>The names changed, and no file did.</summary>
    NamesOnly = 4,

    /// <summary>The files changed, and no name did.</summary>
    FilesOnly = 5,

    /// <summary>One file, or none, has all of its changes, and some names have theirs.</summary>
    OneFile = 6,

    /// <summary>All files but one have their changes, and some names have theirs.</summary>
    AllButOneFile = 7,

    /// <summary>In one file one sector, or hole, is new and the others old.</summary>
    OneChange = 8,

    /// <summary>In one file one sector, or hole, is old and the others new.</summary>
    AllButOneChange = 9,

    /// <summary>Only what was written in small pieces, as tables and headers are.</summary>
    SmallWritesOnly = 10,

    /// <summary>A prefix of what was changed in one file; the others old or new.</summary>
    Prefix = 11,

    /// <summary>Any of it.</summary>
    Random = 12,
}
