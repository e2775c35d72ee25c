namespace QedVd.Schedules.Tests;

/// <summary>A moment of a schedule in which the power may fail.</summary>
/// <param name="Step">The step that did not begin any more.</param>
/// <param name="Time">Of the history: what had been acknowledged before.</param>
/// <param name="Top">The file that the disk was in then.</param>
/// <param name="When">Why the moment is worth a look.</param>
internal sealed record CrashMoment(long Step, long Time, string Top, string When)
{
    public override string ToString() => $"before step {Step}, {When}";
}
