namespace QedVd;

/// <summary>What a backend, or an image as it is open, can do. True to what works.</summary>
[Flags]
public enum ImageCapabilities
{
    /// <summary>Reading only.</summary>
    None = 0,

    /// <summary>Writing.</summary>
    Write = 1 << 0,

    /// <summary>Creating images that grow.</summary>
    CreateDynamic = 1 << 1,

    /// <summary>Creating images of which all is allocated.</summary>
    CreateFixed = 1 << 2,

    /// <summary>Images that name a parent.</summary>
    Differencing = 1 << 3,

    /// <summary>Asynchronous requests do not hold a thread while they wait.</summary>
    Asynchronous = 1 << 4,

    /// <summary>Images live in files of the host.</summary>
    File = 1 << 5,

    /// <summary>Options at creation or opening, described by <see cref="BackendInfo.Options"/>.</summary>
    Options = 1 << 6,

    /// <summary>An image may consist of several files.</summary>
    MultipleFiles = 1 << 7,

    /// <summary>Images carry identifiers (<see cref="IDiskImage.Identity"/>).</summary>
    Identity = 1 << 8,

    /// <summary>Discard gives room back.</summary>
    Discard = 1 << 9,

    /// <summary>Zeros are stored as such, without data.</summary>
    WriteZeroes = 1 << 10,

    /// <summary><see cref="IImageBackend.CheckAsync"/> works.</summary>
    Check = 1 << 11,

    /// <summary>A check can repair.</summary>
    Repair = 1 << 12,

    /// <summary>Growing.</summary>
    Grow = 1 << 13,

    /// <summary>Shrinking.</summary>
    Shrink = 1 << 14,

    /// <summary>Compacting.</summary>
    Compact = 1 << 15,

    /// <summary>Changing the parent's name.</summary>
    SetParent = 1 << 16,

    /// <summary>Changing open flags while open.</summary>
    SetOpenFlags = 1 << 17,

    /// <summary>Traversing the metadata.</summary>
    Traverse = 1 << 18,

    /// <summary>The format to take when a user names none.</summary>
    Preferred = 1 << 19,
}
