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
    private const string AlwaysAll = "commit";
    private const int Kills = 2;
    private const int Errors = 1;
    private const int AttemptsPerStroke = 3;

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
            int kills = await DisturbAsync(command, points, isAll || name == AlwaysAll ? points.Length : Kills, () => Disturbance.Kill);
            int errors = await DisturbAsync(command, [.. points.Reverse()], isAll ? points.Length : Errors, () => random.Next(2) == 0 ? Disturbance.DeviceError : Disturbance.VolumeFull);
            Assert.NotEqual(0, kills);
            TestContext.Current.TestOutputHelper?.WriteLine($"round {round}: {points.Length} points, {kills} times killed, {errors} errors");
            round++;
        }
        while (DateTime.UtcNow < end);
    }

    /// <summary>
    /// Disturbs at one point after the other, until that has struck so often. strace counts the calls of each thread, and which thread makes one is chance: some
    /// points do not come.
    /// </summary>
    private static async Task<int> DisturbAsync(DisturbedCommand command, (string Call, int Nth)[] points, int times, Func<Disturbance> draw)
    {
        int struck = 0;
        for (int i = 0; i < points.Length && i < times * AttemptsPerStroke && struck < times; i++)
        {
            struck += await command.DisturbAsync(points[i].Call, points[i].Nth, draw()) ? 1 : 0;
        }

        return struck;
    }
}
