namespace QedVd.TestKit;

/// <summary>What a workload asks of an image.</summary>
public enum GuestOperationKind
{
    /// <summary>Writes a range.</summary>
    Write = 0,

    /// <summary>Makes a range zero.</summary>
    Zero = 1,

    /// <summary>Gives a range back.</summary>
    Discard = 2,

    /// <summary>Makes durable what was acknowledged.</summary>
    Flush = 3,

    /// <summary>Changes the disk's size to <see cref="GuestOperation.Offset"/>.</summary>
    Resize = 4,

    /// <summary>Closes the image and opens it again.</summary>
    Reopen = 5,

    /// <summary>Stores another name of the parent.</summary>
    SetParent = 6,

    /// <summary>Gives unused room back.</summary>
    Compact = 7,

    /// <summary>Closes the image, reclaims its leaks, and opens it again.</summary>
    RepairLeaks = 8,

    /// <summary>Closes the image, repairs all there is, and opens it again.</summary>
    RepairAll = 9,

    /// <summary>The first of <see cref="GuestOperation.Together"/> is held inside the storage while the others are under way.</summary>
    Together = 10,
}
