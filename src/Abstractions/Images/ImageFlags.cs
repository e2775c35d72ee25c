namespace QedVd;

/// <summary>What an image is, derived from the image itself.</summary>
[Flags]
public enum ImageFlags
{
    /// <summary>Grows as it is written, stands alone.</summary>
    None = 0,

    /// <summary>All room is allocated from the start.</summary>
    Fixed = 1 << 0,

    /// <summary>Names a parent: what is free here is the parent's.</summary>
    Differencing = 1 << 1,

    /// <summary>The format's own mark says that the image was not closed cleanly and needs a check.</summary>
    NeedsCheck = 1 << 2,
}
