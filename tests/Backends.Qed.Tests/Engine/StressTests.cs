using System.Diagnostics;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Engine;

/// <summary>
/// Random workloads over all that the engine offers, and what kills of the process and losses of power leave of them. A failure names its seed;
/// <c>./test --long qed-stress --seed S</c> starts there and goes on.
/// </summary>
public sealed class StressTests(ITestOutputHelper output)
{
    private const string Search = "qed-stress";
    private const int UsualWorkloads = 120;

    [Fact]
    [Trait("Long", Search)]
    public void RandomWorkloads_AfterAnyCrash_HoldWhatWasFlushed_AndNothingThatNobodyWrote()
    {
        bool isLong = LongRun.IsAsked(Search);
        TimeSpan budget = LongRun.Budget(Search, TimeSpan.FromSeconds(20));
        int seed = isLong ? (int)(LongRun.Seed() & 0x3FFF_FFFF) : 1;
        output.WriteLine($"seed {seed}");
        long start = Stopwatch.GetTimestamp();
        int workloads = 0;
        int states = 0;
        while ((isLong || workloads < UsualWorkloads) && Stopwatch.GetElapsedTime(start) < budget)
        {
            var work = new StressWorkload(StressPlan.Draw(seed + workloads++));
            work.Run();
            states += work.Crash(powerLosses: 20, kills: 20);
        }

        output.WriteLine($"{workloads} workloads, {states} states, {Stopwatch.GetElapsedTime(start).TotalSeconds:0.0} s");
        Assert.True(states > 100);
    }
}
