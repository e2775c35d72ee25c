namespace QedVd.TestKit;

/// <summary>Which of the states that a power loss may leave are made.</summary>
public sealed record PowerLossOptions
{
    /// <summary>
    /// What was never written reads as <see cref="SparseBytes.Garbage"/> afterwards (crash model M2) instead of zero (M1);
    /// null: as the file's <see cref="StorageFacts.NeverWrittenReadsZero"/> says.
    /// </summary>
    public bool? LeavesGarbage { get; init; }

    /// <summary>All states are made when so many sectors (or holes, or cuts) and no more can be new or old.</summary>
    public int ExhaustiveUnits { get; init; } = 12;

    /// <summary>And only when that comes to so many and no more: a sector that was written twice counts three times, a second length everything twice.</summary>
    public int MostExhaustively { get; init; } = 1 << 16;

    /// <summary>
    /// How many random states are made otherwise, besides all, none, each one alone, all but each one, each prefix and each suffix, and what
    /// <see cref="IsData"/> tells apart.
    /// </summary>
    public int Samples { get; init; } = 200;

    /// <summary>The seed of the random ones.</summary>
    public long Seed { get; init; } = 1;

    /// <summary>Tells the content of a sector that the guest wrote from what the format wrote; null: not told apart.</summary>
    public Func<ReadOnlyMemory<byte>, bool>? IsData { get; init; }
}
