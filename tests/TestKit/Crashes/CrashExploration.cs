namespace QedVd.TestKit;

/// <summary>What came out of an exploration.</summary>
public sealed class CrashExploration
{
    private static readonly (int Least, int Most)[] s_sizes = [(1, 8), (9, 16), (17, int.MaxValue)];

    private readonly SortedDictionary<int, (long Exhaustive, long Sampled)> _points = [];
    private readonly Dictionary<string, long> _looks = [];

    /// <summary>All that a <see cref="CrashViolation"/> may be about, but for the workload itself.</summary>
    public static IReadOnlyList<string> Rules { get; } = [.. Enumerable.Range(1, 12).Select(number => $"I{number}"), CrashViolation.SecondReader, CrashViolation.Peer];

    /// <summary>
    /// States (crash point between two marks, content) that were opened and examined, those of recovery included; each once in its recording as long as the
    /// same is allowed. The same content met in another recording counts there as well.
    /// </summary>
    public long States { get; internal set; }

    /// <summary>Of these, states that a crash of the recovery left.</summary>
    public long RecoveryStates { get; internal set; }

    /// <summary>Of these, states of a killed process.</summary>
    public long KillStates { get; internal set; }

    /// <summary>Of these, states with leaks.</summary>
    public long LeakStates { get; internal set; }

    /// <summary>The most that leaked, in bytes.</summary>
    public long MostLeakBytes { get; internal set; }

    /// <summary>Rules that were broken.</summary>
    public IReadOnlyList<CrashViolation> Violations => Found;

    internal List<CrashViolation> Found { get; } = [];

    /// <summary>
    /// Crash points where so many sectors (or holes, or cuts) could be new or old: of how many every state was looked at, and of how many a sample. Those of
    /// recoveries are not counted, of which there is always a sample.
    /// </summary>
    public (long Exhaustive, long Sampled) PointsOf(int leastUnits, int mostUnits)
    {
        (long Exhaustive, long Sampled) sum = default;
        foreach ((int units, (long exhaustive, long sampled)) in _points)
        {
            sum = units < leastUnits || units > mostUnits ? sum : (sum.Exhaustive + exhaustive, sum.Sampled + sampled);
        }

        return sum;
    }

    /// <summary>
    /// How many states were held against one of <see cref="Rules"/>: I6, those whose leaks were reclaimed; I8, those of recovery; I11, those for which there was
    /// more than one size.
    /// </summary>
    public long LooksAt(string rule) => _looks.GetValueOrDefault(rule);

    /// <summary>Adds what another one counted.</summary>
    public void Add(CrashExploration other)
    {
        ArgumentNullException.ThrowIfNull(other);
        States += other.States;
        RecoveryStates += other.RecoveryStates;
        KillStates += other.KillStates;
        LeakStates += other.LeakStates;
        MostLeakBytes = Math.Max(MostLeakBytes, other.MostLeakBytes);
        Found.AddRange(other.Found);
        foreach ((int units, (long exhaustive, long sampled)) in other._points)
        {
            (long hadExhaustive, long hadSampled) = _points.GetValueOrDefault(units);
            _points[units] = (hadExhaustive + exhaustive, hadSampled + sampled);
        }

        foreach ((string rule, long looks) in other._looks)
        {
            _looks[rule] = LooksAt(rule) + looks;
        }
    }

    /// <summary>Adds it to what a search has counted: the states, and what they were.</summary>
    public void CountIn(ProofSearch search)
    {
        ArgumentNullException.ThrowIfNull(search);
        search.Count(Measure.CrashStates, States, Violations.Count);
        search.Count(Measure.Detail("of killed processes"), KillStates);
        search.Count(Measure.Detail("of crashed recoveries"), RecoveryStates);
        search.Count(Measure.Detail("with leaks"), LeakStates);
        search.Count(Measure.Most("most bytes leaked"), MostLeakBytes);
        foreach ((int least, int most) in s_sizes)
        {
            (long exhaustive, long sampled) = PointsOf(least, most);
            if (most < int.MaxValue)
            {
                search.Count(Measure.Detail($"points of {SizeText(least, most)}: exhaustive"), exhaustive);
            }

            search.Count(Measure.Detail($"points of {SizeText(least, most)}: sampled"), sampled);
        }

        foreach (string rule in Rules)
        {
            search.Count(Measure.Detail(rule), LooksAt(rule), Found.Count(violation => violation.Rule == rule));
        }
    }

    /// <inheritdoc/>
    public override string ToString()
    {
        string points = string.Join(", ", s_sizes.Select(size => PointsOf(size.Least, size.Most) is var (exhaustive, sampled) ? $"{exhaustive} and {sampled} of {SizeText(size.Least, size.Most)}" : ""));
        string looks = string.Join(", ", Rules.Select(rule => $"{rule} {LooksAt(rule)}"));
        return FormattableString.Invariant($"{States} states, each once in its recording ({KillStates} of killed processes, {RecoveryStates} of recovery), ")
            + FormattableString.Invariant($"points exhaustive and sampled: {points}; leaks in {LeakStates} (at most {MostLeakBytes} bytes), looks at {looks}, violations {Found.Count}");
    }

    internal void AddPoint(int units, bool isExhaustive)
    {
        // Where nothing is open there is nothing to leave out.
        if (units > 0)
        {
            (long exhaustive, long sampled) = _points.GetValueOrDefault(units);
            _points[units] = isExhaustive ? (exhaustive + 1, sampled) : (exhaustive, sampled + 1);
        }
    }

    internal void AddLook(string rule) => _looks[rule] = LooksAt(rule) + 1;

    private static string SizeText(int least, int most) => $"{least} {(most == int.MaxValue ? "and more" : $"to {most}")} open sectors";
}
