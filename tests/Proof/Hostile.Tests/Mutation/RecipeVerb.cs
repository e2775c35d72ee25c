namespace QedVd.Hostile.Tests.Mutation;

/// <summary>What a line of a recipe does to the file.</summary>
internal enum RecipeVerb
{
    /// <summary><c>u32 OFFSET VALUE</c>: a number of four bytes.</summary>
    U32 = 0,

    /// <summary><c>u64 OFFSET VALUE</c>: a number of eight bytes.</summary>
    U64 = 1,

    /// <summary><c>fill OFFSET LENGTH BYTE</c>: one byte over and over.</summary>
    Fill = 2,

    /// <summary><c>count OFFSET LENGTH TAG</c>: words of eight bytes that name the tag and their place, so that no two are the same.</summary>
    Count = 3,

    /// <summary><c>hex OFFSET BYTES</c>: bytes as they are.</summary>
    Hex = 4,

    /// <summary><c>flip OFFSET BIT</c>: one bit turned over.</summary>
    Flip = 5,
}
