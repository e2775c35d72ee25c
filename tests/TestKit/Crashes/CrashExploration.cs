namespace QedVd.TestKit;

/// <summary>What came out of an exploration.</summary>
public sealed class CrashExploration
{
    /// <summary>Distinct states (crash point between two marks, content) that were opened and examined, those of recovery included.</summary>
    public long States { get; internal set; }

    /// <summary>Of these, states that a crash of the recovery left.</summary>
    public long RecoveryStates { get; internal set; }

    /// <summary>Of these, states of a killed process.</summary>
    public long KillStates { get; internal set; }

    /// <summary>Of these, states with leaks.</summary>
    public long LeakStates { get; internal set; }

    /// <summary>The most that leaked, in bytes.</summary>
    public long MostLeakBytes { get; internal set; }

    /// <summary>Crash points of which every state was looked at.</summary>
    public long ExhaustivePoints { get; internal set; }

    /// <summary>Crash points of which a sample was looked at.</summary>
    public long SampledPoints { get; internal set; }

    /// <summary>States that the second reader read.</summary>
    public long SecondReadings { get; internal set; }

    /// <summary>States that the peer looked at.</summary>
    public long PeerLooks { get; internal set; }

    /// <summary>Rules that were broken.</summary>
    public IReadOnlyList<CrashViolation> Violations => Found;

    internal List<CrashViolation> Found { get; } = [];

    /// <summary>Adds what another one counted.</summary>
    public void Add(CrashExploration other)
    {
        ArgumentNullException.ThrowIfNull(other);
        States += other.States;
        RecoveryStates += other.RecoveryStates;
        KillStates += other.KillStates;
        LeakStates += other.LeakStates;
        MostLeakBytes = Math.Max(MostLeakBytes, other.MostLeakBytes);
        ExhaustivePoints += other.ExhaustivePoints;
        SampledPoints += other.SampledPoints;
        SecondReadings += other.SecondReadings;
        PeerLooks += other.PeerLooks;
        Found.AddRange(other.Found);
    }

    /// <inheritdoc/>
    public override string ToString() => FormattableString.Invariant(
        $"{States} states ({KillStates} of killed processes, {RecoveryStates} of recovery), points {ExhaustivePoints} exhaustive and {SampledPoints} sampled, leaks in {LeakStates} (at most {MostLeakBytes} bytes), second readings {SecondReadings}, looks of the peer {PeerLooks}, violations {Found.Count}");
}
