using QedVd.ChainKit;
using QedVd.TestKit;

namespace QedVd.Cli.Tests.Killing;

/// <summary>
/// Each operation as a process that is killed, or whose calls fail, at the 1st, 2nd, 3rd ... call that changes a file: all of them in a long run, a
/// sample here.
/// </summary>
public sealed class KillTests : IDisposable
{
    private const string Search = "kill";
    private const int Kills = 3;
    private const int Errors = 1;

    private readonly ChainBench _bench = new(ChainBench.InMemory);

    public void Dispose() => _bench.Dispose();

    public static TheoryData<string> Cases => [.. CommandCase.All.Keys];

    [Theory]
    [Trait("Long", Search)]
    [MemberData(nameof(Cases))]
    public async Task Command_DisturbedAnywhere_KeepsWhatTheGuestReads_AndRunAgainCompletes(string name)
    {
        Peers.Require("strace");
        long seed = LongRun.Seed();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        DateTime end = DateTime.UtcNow + (LongRun.Budget(Search, TimeSpan.Zero) / Cases.Count);
        int round = 0;
        do
        {
            var random = new Random((int)(seed + (round * 7919L)));
            bool isLarge = round % 3 == 2;
            var options = new ChainPlanOptions { LeastLevels = 4, MostLevels = 4, MostBytes = isLarge ? 6 << 20 : 300 << 10, MostClusterBytes = 16384, MostChanges = isLarge ? 60 : 6 };
            ChainPlan plan = ChainPlan.Draw(random, options);
            TestChain pristine = await _bench.MakeAsync(plan, _bench.NewFolder("pristine"));
            var command = new DisturbedCommand(_bench, CommandCase.All[name], pristine, $"{name}, seed {seed}, round {round}, {plan.Description}");
            (string Call, int Nth)[] points = [.. (await command.MeasureAsync()).SelectMany(each => Enumerable.Range(1, each.Count).Select(nth => (each.Call, nth)))];
            Assert.NotEmpty(points);
            random.Shuffle(points);
            bool isAll = LongRun.IsAsked(Search) && !isLarge;
            int struck = 0;
            foreach ((string call, int nth) in isAll ? points : points.Take(Kills))
            {
                struck += await command.DisturbAsync(call, nth, Disturbance.Kill) ? 1 : 0;
            }

            foreach ((string call, int nth) in isAll ? points : points.Reverse().Take(Errors))
            {
                struck += await command.DisturbAsync(call, nth, random.Next(2) == 0 ? Disturbance.DeviceError : Disturbance.VolumeFull) ? 1 : 0;
            }

            TestContext.Current.TestOutputHelper?.WriteLine($"round {round}: {points.Length} points, {struck} struck");
            round++;
        }
        while (DateTime.UtcNow < end);
    }
}
