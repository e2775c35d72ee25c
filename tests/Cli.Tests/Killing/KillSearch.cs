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

    // No divisor in common with the number of commands: each meets a large chain at times.
    private const int LargeEvery = 10;
    private const int KillsOfALargeCase = 18;
    private const int KillsOfACase = 3;
    private const int RareOfACase = 2;
    private const int MostTries = 3;

    // The rarer of them first; what is not among them is rarer still.
    private static readonly string[] s_commonKinds =
        ["renameat", "unlinkat", "renameat2", "unlink", "copy_file_range", "linkat", "fsync of a folder", "ftruncate", "fallocate", "fsync", "fdatasync", "pwrite64"];

    // What some command does anywhere, whatever the call is named there.
    private static readonly string[] s_namesChange = ["rename", "link", "unlink", "fsync of a folder"];
    private static readonly string[] s_always = [.. s_namesChange, "pwrite", "ftruncate", "fallocate", "fdatasync", "copy_file_range"];

    private static readonly CommandCase[] s_cases = [.. CommandCases.All, CommandCases.Sharing];
    private static readonly Measure s_eachCall = Measure.Detail("of them at each call that a small chain makes a command do");

    private readonly ProofSearch _search = CommandSearch.Open(Name);
    private readonly Lock _lock = new();
    private readonly HashSet<(string Command, string Kind)> _killed = [];
    private readonly HashSet<(string Command, string Kind)> _failed = [];
    private readonly HashSet<(string Command, string Kind)> _seen = [];
    private long _cases;
    private long _kills;
    private long _stops;
    private long _faults;
    private long _completeCases;
    private long _missed;

    public string Summary => string.Create(
        CultureInfo.InvariantCulture,
        $"{_cases} chains, {_completeCases} of them with a kill at each call, of which {_missed} were not made again; {_kills} kills, {_stops} stops, {_faults} errors; killed at {_killed.Count} and failed at {_failed.Count} of {_seen.Count} kinds of calls of the commands: {string.Join(", ", Kinds(_killed))}; errors: {string.Join(", ", Kinds(_failed))}");

    /// <summary>
    /// The strata without a kill: commands, and over all of them each kind of call that one of them made, and those that there are anywhere; and the kinds of calls
    /// that change names, or make them durable, without an error.
    /// </summary>
    public IReadOnlyList<string> Empty
    {
        get
        {
            lock (_lock)
            {
                string[] kinds = Kinds(_seen);
                string[] killed = Kinds(_killed);
                string[] failed = Kinds(_failed);
                return
                [
                    .. s_cases.Select(command => command.Name).Except(_killed.Select(key => key.Command)),
                    .. kinds.Except(killed),
                    .. s_always.Where(kind => !killed.Any(each => IsOf(each, kind))).Select(kind => $"any {kind}"),
                    .. kinds.Where(each => s_namesChange.Any(kind => IsOf(each, kind))).Except(failed).Select(kind => $"{kind} that fails"),
                    .. s_namesChange.Where(kind => !failed.Any(each => IsOf(each, kind))).Select(kind => $"any {kind} that fails"),
                ];
            }
        }
    }

    /// <summary>Whether it looks at as many cases as must meet everything: not at one, nor only as long as it was given.</summary>
    public bool IsSample => _search.Only is null && (!_search.IsLong || Interlocked.Read(ref _cases) >= s_cases.Length);

    // Which calls there are is known only when each command has run.
    private bool IsIncomplete => IsSample && Interlocked.Read(ref _cases) < 3 * s_cases.Length && Empty.Count > 0;

    // Processes that start, and are waited for, leave room between them.
    private int Workers => _search.IsLong ? 4 : 2;

    /// <summary>Done to what the commands leave: to see that it is found out.</summary>
    public Action<Work>? Spoils { get; init; }

    /// <summary>The case that is asked for, or as many as there is time for.</summary>
    public Task RunAsync(string test) => _search.Only is { } one ? RunCaseAsync(one, test) : CommandSearch.RunAsync(
        _search,
        Workers,
        () => _search.GoesOn(Interlocked.Read(ref _kills), LeastKills) || IsIncomplete,
        number =>
        {
            Interlocked.Increment(ref _cases);
            return LookAtAsync(number);
        },
        test);

    public Task RunCaseAsync(long number, string test) => CommandSearch.RunCaseAsync(_search, number, LookAtAsync, test);

    private async Task LookAtAsync(long number)
    {
        CommandCase @case = s_cases[(int)(number % s_cases.Length)];
        var random = new Random(_search.SeedOf(number));
        using var bench = new ChainBench(ChainBench.InMemory);
        bool isLarge = _search.IsLong && number % LargeEvery == LargeEvery - 1;
        bool takesEach = _search.IsLong && !isLarge;
        (Work pristine, string description) = await MakeAsync(bench, @case, random, isLarge);
        string what = string.Create(CultureInfo.InvariantCulture, $"{@case.Name}, seed {_search.Seed}, case {number}, files {FolderBytes.Of(pristine.Folder)}, {description}");
        if (_search.Only is not null)
        {
            TestContext.Current.TestOutputHelper?.WriteLine(what);
        }

        var command = new DisturbedCommand(bench, @case, pristine, what) { Spoils = Spoils };
        IReadOnlyList<CallPoint> points = await command.MeasureAsync();
        Assert.True(points.Count > 0, $"{what}: changed nothing");
        lock (_lock)
        {
            _seen.UnionWith(points.Select(point => (@case.Name, point.Kind)));
        }

        int kills = 0;
        IReadOnlyList<CallPoint> drawn = Draw(points, takesEach ? points.Count : isLarge ? KillsOfALargeCase : KillsOfACase, random);
        foreach (CallPoint point in drawn)
        {
            // A call that one thread made so often when nobody disturbed it, no thread may make so often the next time.
            string? kind = null;
            for (int tries = 0; kind is null && tries < MostTries; tries++)
            {
                kind = await CountAsync(Measure.Kills, () => command.KillAsync(point));
            }

            Note(_killed, @case, kind);
            kills += kind is null ? 0 : 1;
        }

        if (takesEach)
        {
            Interlocked.Increment(ref _completeCases);
            Interlocked.Add(ref _missed, drawn.Count - kills);
            _search.Count(s_eachCall, kills);
        }

        if (random.Next(4) == 0)
        {
            string signal = random.Next(2) == 0 ? "INT" : "TERM";
            Interlocked.Add(ref _stops, await command.StopAsync(points[random.Next(points.Count)], signal) ? 1 : 0);
        }

        CallPoint[] names = [.. points.Where(point => s_namesChange.Any(kind => IsOf(point.Kind, kind)))];
        foreach (IGrouping<string, CallPoint> kind in Draw(names, names.Length, random).GroupBy(point => point.Kind).Take(_search.IsLong ? names.Length : RareOfACase))
        {
            await FailAsync(@case, command, [.. kind]);
        }

        if (_search.IsLong || number % 2 == 0)
        {
            await FailAsync(@case, command, Shuffle(points, random));
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

    /// <summary>Different calls, the rarest kinds first, then as many kinds as can be. Depends on nothing but the case, so that it can be run again.</summary>
    public static IReadOnlyList<CallPoint> Draw(IReadOnlyList<CallPoint> points, int count, Random random)
    {
        CallPoint[] shuffled = Shuffle(points, random);
        CallPoint[] rare = [.. shuffled.DistinctBy(point => point.Kind).OrderBy(point => Array.IndexOf(s_commonKinds, point.Kind)).Take(RareOfACase)];
        IEnumerable<CallPoint> others = shuffled.Except(rare).GroupBy(point => point.Kind)
            .SelectMany(kind => kind.Select((point, rank) => (point, rank))).OrderBy(each => each.rank).Select(each => each.point);
        return [.. rare, .. others.Take(count - rare.Length)];
    }

    /// <summary>Which thread is first to make a call is another one each time: what is drawn depends on the calls only.</summary>
    private static CallPoint[] Shuffle(IReadOnlyList<CallPoint> points, Random random)
    {
        CallPoint[] shuffled = [.. points.DistinctBy(point => (point.Call, point.Nth)).OrderBy(point => point.Call, StringComparer.Ordinal).ThenBy(point => point.Nth)];
        random.Shuffle(shuffled);
        return shuffled;
    }

    private static bool IsOf(string call, string kind) => call.StartsWith(kind, StringComparison.Ordinal);

    private static string[] Kinds(IEnumerable<(string Command, string Kind)> keys) => [.. keys.Select(key => key.Kind).Distinct().Order(StringComparer.Ordinal)];

    private void Note(HashSet<(string Command, string Kind)> met, CommandCase @case, string? kind)
    {
        lock (_lock)
        {
            _ = kind is not null && met.Add((@case.Name, kind));
        }
    }

    /// <summary>One error of a call, of the first that is made so often this time.</summary>
    private async Task FailAsync(CommandCase @case, DisturbedCommand command, IReadOnlyList<CallPoint> points)
    {
        string? kind = null;
        for (int i = 0; i < points.Count && kind is null; i++)
        {
            // Whichever it is: none of them is given back by a file system that is well.
            string error = points[i].Nth % 2 == 0 ? "EIO" : "ENOSPC";
            kind = await CountAsync(Measure.Faults, () => command.FailAsync(points[i], error));
        }

        Note(_failed, @case, kind);
    }

    /// <summary>Returns at which kind of call it was, or null where it was at none.</summary>
    private async Task<string?> CountAsync(Measure measure, Func<Task<string?>> disturb)
    {
        string? kind;
        try
        {
            kind = await disturb();
        }
        catch
        {
            // What is spoilt on purpose is not lost.
            _search.Count(measure, 1, wrong: Spoils is null ? 1 : 0);
            throw;
        }

        if (kind is not null)
        {
            _search.Count(measure, 1);
            Interlocked.Increment(ref measure == Measure.Kills ? ref _kills : ref _faults);
        }

        return kind;
    }
}
