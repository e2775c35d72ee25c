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

    private readonly ChainBench _bench = new(ChainBench.InMemory);

    public void Dispose() => _bench.Dispose();

    public static TheoryData<string> Cases => [.. CommandCase.All.Keys];

    [Theory]
    [Trait("Long", Search)]
    [MemberData(nameof(Cases))]
    public async Task Command_KilledOrFailingAnywhere_KeepsWhatTheGuestReads_AndRunAgainCompletes(string name)
    {
        Peers.Require("strace");
        long seed = LongRun.Seed();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        DateTime end = DateTime.UtcNow + (LongRun.Budget(Search, TimeSpan.Zero) / Cases.Count);
        int round = 0;
        do
        {
            await RunAsync(name, seed, round++);
        }
        while (DateTime.UtcNow < end);
    }

    private async Task RunAsync(string name, long seed, int round)
    {
        var random = new Random((int)(seed + (round * 7919L)));
        bool isLarge = round % 3 == 2;
        bool isAll = !isLarge && (LongRun.IsAsked(Search) || name == AlwaysAll);
        var options = new ChainPlanOptions
        {
            LeastLevels = 4,
            MostLevels = 4,
            MostBytes = isLarge ? 6 << 20 : isAll ? 48 << 10 : 300 << 10,
            MostClusterBytes = 16384,
            MostChanges = isLarge ? 60 : isAll ? 2 : 6,
        };
        ChainPlan plan = ChainPlan.Draw(random, options);
        TestChain pristine = await _bench.MakeAsync(plan, _bench.NewFolder("pristine"));
        var command = new DisturbedCommand(_bench, CommandCase.All[name], pristine, $"{name}, seed {seed}, round {round}, {plan.Description}");
        IReadOnlyList<string> calls = await command.MeasureAsync();
        Assert.NotEmpty(calls);
        int[] positions = [.. Enumerable.Range(1, calls.Count)];
        random.Shuffle(positions);
        foreach (int position in isAll ? positions : positions.Take(Kills))
        {
            await command.KillAsync(position);
        }

        // A file that cannot be deleted is told of and left, with the journal that names it: that is no error of the command.
        (string Call, int Nth)[] points = [.. calls.Where(call => !call.StartsWith("unlink", StringComparison.Ordinal)).GroupBy(call => call).SelectMany(group => Enumerable.Range(1, group.Count()).Select(nth => (group.Key, nth)))];
        random.Shuffle(points);
        int struck = 0;
        foreach ((string call, int nth) in points.Take(LongRun.IsAsked(Search) && !isLarge ? points.Length : Errors))
        {
            struck += await command.FailAsync(call, nth, random.Next(2) == 0 ? "EIO" : "ENOSPC") ? 1 : 0;
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"round {round}: {calls.Count} calls, {struck} errors");
    }
}
