namespace QedVd.TestKit;

/// <summary>How much of what a recording may leave is looked at, and how closely.</summary>
public sealed record CrashExplorerOptions
{
    /// <summary>
    /// About how many distinct states of one recording are looked at, spread over the crash points that are not looked at exhaustively; states of those, and of
    /// recovery, come on top.
    /// </summary>
    public int MostStates { get; init; } = 40;

    /// <summary>
    /// Of a crash point where so many sectors (or holes, or cuts) and no more can be new or old every state is looked at, however many these are; but for one
    /// where sectors that were written again and again make them more than a quarter of a million. 0: of none.
    /// </summary>
    public int ExhaustiveUnits { get; init; } = 6;

    /// <summary>How many random states the sample of any other crash point is drawn from, besides those that are singled out.</summary>
    public int Samples { get; init; } = 40;

    /// <summary>The seed of all that is drawn.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Of one state in so many the recovery is recorded and crashed, too (I8).</summary>
    public int RecoveryOneIn { get; init; } = 16;

    /// <summary>About how many distinct states of one recovery are looked at; never exhaustively.</summary>
    public int MostRecoveryStates { get; init; } = 8;

    /// <summary>Of one state in so many the leaks are reclaimed (I6).</summary>
    public int ReclaimOneIn { get; init; } = 4;

    /// <summary>Of one state in so many the image is opened read-only (I12).</summary>
    public int ReadOnlyOneIn { get; init; } = 4;

    /// <summary>One state in so many is given to <see cref="Peer"/>; each that failed is, too.</summary>
    public int PeerOneIn { get; init; } = 1000;

    /// <summary>Another implementation's look at a state; returns what it finds wrong, or null. Null: there is none.</summary>
    public Func<CrashLook, string?>? Peer { get; init; }

    /// <summary>After so many violations no more are looked for.</summary>
    public int MostViolations { get; init; } = 5;
}
