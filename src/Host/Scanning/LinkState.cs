namespace QedVd.Host;

/// <summary>What became of the parent that an image names.</summary>
public enum LinkState
{
    /// <summary>The image names no parent.</summary>
    None = 0,

    /// <summary>The parent is among the images of the scan.</summary>
    Found = 1,

    /// <summary>The parent is there and fits, but not in the folders that were looked through.</summary>
    OutsideScan = 2,

    /// <summary>There is no such file.</summary>
    Missing = 3,

    /// <summary>The name may not be followed, or leads to something that is no regular file. See <see cref="ScanOptions.Trust"/> and <see cref="ScanOptions.AllowedRoots"/>.</summary>
    RefusedByPolicy = 4,

    /// <summary>The file is there, and is not of a format that the parent can be of.</summary>
    WrongFormat = 5,

    /// <summary>Following the parents leads back to the image.</summary>
    Cycle = 6,

    /// <summary>The file is there, and cannot be read or is damaged.</summary>
    Unreadable = 7,
}
