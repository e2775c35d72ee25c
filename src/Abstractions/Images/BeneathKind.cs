namespace QedVd;

/// <summary>What is known of the levels beneath an image.</summary>
public enum BeneathKind
{
    /// <summary>There may be anything, of any length.</summary>
    Unknown = 0,

    /// <summary>There is no level beneath: what is free reads as zero.</summary>
    Nothing = 1,

    /// <summary>There are levels beneath, the longest of which has a known length; what is free beyond reads as zero.</summary>
    UpTo = 2,
}
