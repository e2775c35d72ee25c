using System.Diagnostics;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Engine;

/// <summary>
/// All maintenance at once with all that guests do. A failure names its seed, which draws the same work, though not the same order of the threads;
/// <c>./test --long qed-maintenance --seed S</c> starts there and goes on.
/// </summary>
public sealed class MaintenanceStressTests(ITestOutputHelper output)
{
    private const string Search = "qed-maintenance";
    private const int UsualRounds = 4;

    [Fact]
    [Trait("Long", Search)]
    public async Task GuestsAndMaintenance_AtOnce_LoseNothing_AlsoWhenThePowerGoes()
    {
        bool isLong = LongRun.IsAsked(Search);
        TimeSpan budget = LongRun.Budget(Search, TimeSpan.FromSeconds(10));
        int seed = isLong ? (int)(LongRun.Seed() & 0x3FFF_FFFF) : 1;
        long start = Stopwatch.GetTimestamp();
        int states = 0;
        int rounds = 0;
        for (; (isLong || rounds < UsualRounds) && Stopwatch.GetElapsedTime(start) < budget; rounds++)
        {
            MaintenanceStress stress = new(seed + rounds);
            await stress.RunAsync(operations: 8);
            states += stress.Crash(positions: 4);
        }

        output.WriteLine($"seed {seed}: {rounds} rounds, {states} states, {Stopwatch.GetElapsedTime(start).TotalSeconds:0.0} s");
        Assert.True(states > 4);
    }
}
