namespace QedVd.Host;

/// <summary>What a comparison found.</summary>
public sealed record CompareResult
{
    /// <summary>Whether both hold the same bytes; where one is longer, it is zero there.</summary>
    public required bool AreEqual { get; init; }

    /// <summary>The first byte that differs, or null. With <see cref="CompareOptions.RequireSameLength"/> it may be the shorter one's end.</summary>
    public long? FirstDifferenceOffset { get; init; }

    /// <summary>Length of the first disk.</summary>
    public required long FirstLengthBytes { get; init; }

    /// <summary>Length of the second disk.</summary>
    public required long SecondLengthBytes { get; init; }
}
