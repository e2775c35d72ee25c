namespace QedVd.ChainKit;

/// <summary>What is special about a chain: the places where implementations fail.</summary>
[Flags]
public enum ChainTraits
{
    None = 0,

    /// <summary>Some level is longer than its parent.</summary>
    ParentShorter = 1 << 0,

    /// <summary>Some level is shorter than its parent.</summary>
    ParentLonger = 1 << 1,

    /// <summary>A level in between is shorter than its parent and than its child: it hides what its parent holds there.</summary>
    ShorterInBetween = 1 << 2,

    /// <summary>The end of some level is inside of a cluster.</summary>
    UnalignedEnd = 1 << 3,

    /// <summary>The end of a parent is inside of a cluster of its child, which goes on.</summary>
    ParentEndsInsideCluster = 1 << 4,

    /// <summary>Levels of different cluster sizes.</summary>
    MixedClusters = 1 << 5,

    /// <summary>The base is raw.</summary>
    RawBase = 1 << 6,

    /// <summary>Whole clusters are zero over data of a level beneath.</summary>
    ZeroHidesData = 1 << 7,

    /// <summary>Part of such a zero cluster was written afterwards, by another level.</summary>
    DataOverZero = 1 << 8,

    /// <summary>A level that nothing was written to, between others.</summary>
    EmptyLevel = 1 << 9,

    /// <summary>Something was discarded.</summary>
    Discarded = 1 << 10,

    /// <summary>Data beyond 1 GiB.</summary>
    HighOffset = 1 << 11,

    /// <summary>A parent's clusters are larger than its child's.</summary>
    LargerBeneath = 1 << 12,

    /// <summary>A parent's clusters are smaller than its child's.</summary>
    SmallerBeneath = 1 << 13,

    /// <summary>Several levels, each of which has whole clusters written as zeros.</summary>
    ZeroAtEveryLevel = 1 << 14,

    All = (1 << 15) - 1,
}
