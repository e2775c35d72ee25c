using System.Globalization;
using QedVd.ChainKit;
using QedVd.TestKit;

namespace QedVd.Cli.Tests.Killing;

/// <summary>
/// Takes the commands in turn, and draws chains for them, and calls at which they are disturbed.
/// </summary>
internal sealed class KillSearch : IDisposable
{
    public const string Name = "kill";

    private const int LeastKills = 100;
    private const int LargeEvery = 11;

    // The rarer of them first; what is not among them is rarer still.
    private static readonly string[] s_commonCalls = ["unlink", "ftruncate", "linkat", "fallocate", "fsync", "fdatasync", "pwrite64"];

    private readonly ProofSearch _search = CommandSearch.Open(Name);
    private readonly Lock _lock = new();
    private readonly HashSet<(string Command, string Call)> _disturbed = [];
    private readonly HashSet<(string Command, string Call)> _seen = [];
    private long _cases;
    private long _kills;
    private long _stops;
    private long _faults;

    public string Summary => string.Create(CultureInfo.InvariantCulture, $"{_cases} chains, {_kills} kills, {_stops} stops, {_faults} errors, at {_disturbed.Count} of {_seen.Count} kinds of calls of the commands");

    /// <summary>The strata without a kill: commands, and the usual kinds of calls over all commands. What is rarer is killed when it is met at the right moment.</summary>
    public IReadOnlyList<string> Empty
    {
        get
        {
            lock (_lock)
            {
                return
                [
                    .. CommandCases.All.Select(command => command.Name).Except(_disturbed.Select(key => key.Command)),
                    .. _seen.Select(key => key.Call).Distinct().Intersect(s_commonCalls).Except(_disturbed.Select(key => key.Call)),
                ];
            }
        }
    }

    // A call that one thread made so often when nobody disturbed it, no thread may make so often the next time.
    private bool IsIncomplete => !_search.IsLong && Interlocked.Read(ref _cases) < 3 * CommandCases.All.Count && Empty.Count > 0;

    // In a normal run a few of each, in a long one most of what a small chain makes the command do; errors have a search of their own.
    private int KillsOfACase => _search.IsLong ? 18 : 3;

    // Processes that start, and are waited for, leave room between them.
    private int Workers => _search.IsLong ? 4 : 2;

    public Task RunAsync() => CommandSearch.RunAsync(
        _search,
        Workers,
        () => _search.GoesOn(Interlocked.Read(ref _kills), LeastKills) || IsIncomplete,
        number =>
        {
            Interlocked.Increment(ref _cases);
            return RunCaseAsync(number);
        });

    public async Task RunCaseAsync(long number)
    {
        CommandCase @case = CommandCases.All[(int)(number % CommandCases.All.Count)];
        var random = new Random(_search.SeedOf(number));
        using var bench = new ChainBench(ChainBench.InMemory);
        bool isLarge = _search.IsLong && number % LargeEvery == LargeEvery - 1;
        (Work pristine, string description) = await MakeAsync(bench, @case, random, isLarge);
        string what = string.Create(CultureInfo.InvariantCulture, $"{@case.Name}, seed {_search.Seed}, case {number}, {description}");
        var command = new DisturbedCommand(bench, @case, pristine, what);
        IReadOnlyList<CallPoint> points = await command.MeasureAsync();
        Assert.True(points.Count > 0, $"{what}: changed nothing");
        foreach (CallPoint point in Draw(@case, points, random))
        {
            if (await CountAsync(Measure.Kills, async () => await command.KillAsync(point) == Outcome.Killed))
            {
                lock (_lock)
                {
                    _disturbed.Add((@case.Name, point.Call));
                }
            }
        }

        if (random.Next(4) == 0)
        {
            string signal = random.Next(2) == 0 ? "INT" : "TERM";
            Interlocked.Add(ref _stops, await command.StopAsync(points[random.Next(points.Count)], signal) == Outcome.Stopped ? 1 : 0);
        }

        if (_search.IsLong || number % 2 == 0)
        {
            await FailAsync(command, points, random);
        }
    }

    public override string ToString() => _search.ToString();

    public void Dispose() => _search.Dispose();

    /// <summary>What a command works on.</summary>
    public static async Task<(Work Work, string Description)> MakeAsync(ChainBench bench, CommandCase @case, Random random, bool isLarge)
    {
        string folder = bench.NewFolder("pristine");
        TestChain chain;
        string description = "a chain of its own";
        if (@case.Make is not null)
        {
            chain = await @case.Make(bench, random, folder);
        }
        else
        {
            ChainPlan plan = ChainPlan.Draw(random, new ChainPlanOptions
            {
                LeastLevels = 4,
                MostLevels = 4,
                MostBytes = isLarge ? 6 << 20 : 100 << 10,
                MostClusterBytes = 16384,
                MostChanges = isLarge ? 60 : 5,
            });
            description = plan.Description;
            chain = await bench.MakeAsync(plan, folder);
        }

        if (@case.Prepare is not null)
        {
            await @case.Prepare(bench, chain);
        }

        return (new Work(chain, folder), description);
    }

    /// <summary>Different calls, of as many kinds as can be. Depends on nothing but the case, so that it can be run again.</summary>
    private List<CallPoint> Draw(CommandCase @case, IReadOnlyList<CallPoint> points, Random random)
    {
        CallPoint[] shuffled = [.. points.DistinctBy(point => (point.Call, point.Nth))];
        random.Shuffle(shuffled);
        CallPoint rare = shuffled.MinBy(point => Array.IndexOf(s_commonCalls, point.Call));
        IEnumerable<CallPoint> others = shuffled.Where(point => point != rare).GroupBy(point => point.Call)
            .SelectMany(kind => kind.Select((point, rank) => (point, rank))).OrderBy(each => each.rank).Select(each => each.point);
        List<CallPoint> drawn = [rare, .. others.Take(KillsOfACase - 1)];
        lock (_lock)
        {
            _seen.UnionWith(points.Select(point => (@case.Name, point.Call)));
        }

        return drawn;
    }

    /// <summary>One error of a call; one that no thread made so often this time is drawn again.</summary>
    private async Task FailAsync(DisturbedCommand command, IReadOnlyList<CallPoint> points, Random random)
    {
        // A file that cannot be deleted is told of and left, with the journal that names it: that is no error of the command.
        CallPoint[] left = [.. points.Where(point => !point.Call.StartsWith("unlink", StringComparison.Ordinal)).DistinctBy(point => (point.Call, point.Nth))];
        random.Shuffle(left);
        int struck = 0;
        for (int i = 0; i < left.Length && struck < 1; i++)
        {
            struck += await CountAsync(Measure.Faults, () => command.FailAsync(left[i], random.Next(2) == 0 ? "EIO" : "ENOSPC")) ? 1 : 0;
        }
    }

    private async Task<bool> CountAsync(Measure measure, Func<Task<bool>> disturb)
    {
        bool hasStruck;
        try
        {
            hasStruck = await disturb();
        }
        catch
        {
            _search.Count(measure, 1, wrong: 1);
            throw;
        }

        if (hasStruck)
        {
            _search.Count(measure, 1);
            Interlocked.Increment(ref measure == Measure.Kills ? ref _kills : ref _faults);
        }

        return hasStruck;
    }
}
