namespace QedVd.Hostile.Tests.Mutation;

/// <summary>Where a mutation takes its value from.</summary>
internal enum ValuePool
{
    /// <summary>0, 1 and other small numbers.</summary>
    Small = 0,

    /// <summary>The value that was there, a little more or less.</summary>
    NearOwn = 1,

    /// <summary>Powers of two, and their neighbours.</summary>
    PowersOfTwo = 2,

    /// <summary>About 2^32, 2^63 and 2^64.</summary>
    Wide = 3,

    /// <summary>Where another structure of the image is.</summary>
    OtherStructure = 4,

    /// <summary>Where the field itself is, or its table.</summary>
    OwnPlace = 5,

    /// <summary>What a field or entry nearby has.</summary>
    Neighbour = 6,

    /// <summary>About the end of the file.</summary>
    FileEnd = 7,
}
