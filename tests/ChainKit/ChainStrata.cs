namespace QedVd.ChainKit;

/// <summary>Which chains each operation is tried on: of every kind that <see cref="ChainTraits"/> names, and of every depth.</summary>
public static class ChainStrata
{
    private const int MostLevels = 8;

    /// <summary>Every kind, and any.</summary>
    public static IReadOnlyList<ChainTraits> All { get; } = [.. Enum.GetValues<ChainTraits>().Where(trait => trait != ChainTraits.All)];

    /// <summary>Draws a chain of this kind on which the operation has something to do; the depths from 1 to 8 come one after the other.</summary>
    public static ChainPlan Draw(Random random, ChainTraits trait, string operation, long round, ChainPlanOptions options)
    {
        int least = Math.Max(LevelsOf(trait), ChainHistory.NeedsParent(operation) ? 2 : 1);
        int levels = Math.Max(least, 1 + (int)(round % MostLevels));
        return ChainPlan.Draw(random, options with
        {
            LeastLevels = levels,
            MostLevels = levels,
            Required = trait,
            Excluded = trait == ChainTraits.HighOffset ? 0 : ChainTraits.HighOffset,
        });
    }

    private static int LevelsOf(ChainTraits trait) => trait switch
    {
        ChainTraits.None or ChainTraits.UnalignedEnd or ChainTraits.RawBase or ChainTraits.Discarded or ChainTraits.HighOffset => 1,
        ChainTraits.ShorterInBetween or ChainTraits.DataOverZero or ChainTraits.EmptyLevel => 3,
        _ => 2,
    };
}
