using System.Collections.Concurrent;
using QedVd.ChainKit;
using QedVd.Cli.Tests.Killing;
using QedVd.TestKit;

namespace QedVd.Cli.Tests.Faults;

/// <summary>
/// Every command that changes files, as a process whose system calls go wrong for real: locks, names, folders, reads, what is interrupted, what is shared
/// between files; once, for good, and with a kill behind it. Each command and each fault in every round of cases, of which a normal run is one.
/// </summary>
public sealed class CallFaultTests
{
    private const int Workers = 2;
    // Which thread makes which call changes from run to run: a point may be missed many times.
    private const int MostTries = 24;

    private static readonly CommandCase[] s_cases = [.. CommandCases.All, CommandCases.Sharing];
    private static readonly int s_round = Math.Max(s_cases.Length, CallFault.All.Count);
    private static readonly FaultMode[] s_modes = Enum.GetValues<FaultMode>();

    // Where to look first for what few commands do.
    private static readonly Dictionary<string, string[]> s_rare = new()
    {
        ["ftruncate"] = ["shrink", "check-leaks"],
        ["fallocate"] = ["create", "grow-far"],
        ["linkat"] = ["snapshot", "convert", "copy"],
        ["renameat2"] = ["rename"],
        ["renameat"] = ["create-over"],
        ["unlinkat"] = ["create-over"],
        ["unlink"] = ["merge-down", "commit-delete"],
        ["copy_file_range"] = [CommandCases.Sharing.Name],
    };

    private readonly ConcurrentDictionary<(string Command, CallFault Fault, FaultMode Mode), int> _struck = [];

    [Fact]
    [Trait("Long", FaultCase.Name)]
    public async Task Commands_WhoseSystemCallsGoWrong_KeepWhatTheGuestReads_AndRunAgainComplete()
    {
        Peers.Require("strace");
        using var search = CommandSearch.Open($"{FaultCase.Name}-calls");
        TestContext.Current.TestOutputHelper?.WriteLine(search.ToString());
        long taken = 0;
        long completed = 0;
        await CommandSearch.RunAsync(search, Workers, () => search.GoesOn(Interlocked.Increment(ref taken) - 1, s_round), async number =>
        {
            await FaultCase.RunAsync(search, typeof(CallFaultTests), number, () => RunCaseAsync(search, number));
            Interlocked.Increment(ref completed);
        });

        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{_struck.Values.Sum()} faults, {_struck.Count} different ones of {s_cases.Length} commands, {CallFault.All.Count} faults and {s_modes.Length} modes");
        if (search.Only is not null || completed < s_round)
        {
            return;
        }

        string[] empty =
        [
            .. s_cases.Select(@case => @case.Name).Except(_struck.Keys.Select(key => key.Command)),
            .. CallFault.All.Except(_struck.Keys.Select(key => key.Fault)).Select(fault => fault.Name),
            .. s_modes.Except(_struck.Keys.Select(key => key.Mode)).Select(mode => mode.ToString()),
        ];
        Assert.True(empty.Length == 0, $"{search}: nothing went wrong of: {string.Join("; ", empty)}");
    }

    /// <summary>
    /// The 1st, the 2nd, the 3rd ... call of a kind, to the last, once and for good. The first of these had deleted what somebody may use: a lock that could not
    /// be had was taken for one that nobody holds.
    /// </summary>
    [Theory]
    [InlineData("commit-delete", "no lock to be had")]
    [InlineData("rename", "locks of others unknown")]
    [InlineData("rename", "name that cannot be moved")]
    [InlineData("rename", "file or folder that cannot be made durable")]
    [InlineData("create-over", "name that cannot be given")]
    [InlineData("create-over", "file that cannot be replaced")]
    [InlineData("create-over", "second name that stays")]
    [InlineData("merge-down", "file that cannot be deleted")]
    [InlineData("convert-shared", "sharing broken")]
    [InlineData("convert-shared", "sharing that ends early")]
    public async Task EachCallOfAKind_ThatGoesWrongOnceOrForGood_KeepsWhatTheGuestReads_AndRunAgainCompletes(string name, string what)
    {
        Peers.Require("strace");
        CommandCase @case = s_cases.Single(each => each.Name == name);
        CallFault fault = CallFault.All.Single(each => each.Name == what);
        var random = new Random(1);
        using var bench = new ChainBench(ChainBench.InMemory);
        (Work pristine, string description) = await KillSearch.MakeAsync(bench, @case, random, isLarge: false);
        var command = new DisturbedCommand(bench, @case, pristine, $"{@case.Name}, {description}");
        ILookup<CallFault, CallPoint> possible = await command.MeasureCallsAsync();
        foreach (FaultMode mode in new[] { FaultMode.Once, FaultMode.Sticky })
        {
            int struck = 0;
            foreach (CallPoint point in possible[fault].DistinctBy(point => point.Nth))
            {
                struck += await command.FailAsync(fault, point, mode, random) ? 1 : 0;
            }

            TestContext.Current.TestOutputHelper?.WriteLine($"{struck} faults, {mode}");
            Assert.InRange(struck, 1, int.MaxValue);
        }
    }

    /// <summary>One fault of the command whose turn it is, the one whose turn it is where it makes such a call; and that one, of another command, where it does not.</summary>
    private async Task RunCaseAsync(ProofSearch search, long number)
    {
        var random = new Random(search.SeedOf(number));
        int turn = (int)(number % s_round);
        CallFault meant = CallFault.All[(int)((turn + (number / s_round)) % CallFault.All.Count)];
        CommandCase[] others = (CommandCase[])s_cases.Clone();
        random.Shuffle(others);
        string[] first = s_rare.GetValueOrDefault(meant.Call, []);
        IEnumerable<CommandCase> order = [s_cases[turn % s_cases.Length], .. others.OrderByDescending(@case => first.Contains(@case.Name))];
        bool isFirst = true;
        foreach (CommandCase @case in order)
        {
            if (await StrikeAsync(search, number, @case, meant, orAnother: isFirst, random))
            {
                return;
            }

            isFirst = false;
        }

        Assert.Fail($"no command has '{meant}'");
    }

    /// <summary>Whether the fault that was meant could be had.</summary>
    private async Task<bool> StrikeAsync(ProofSearch search, long number, CommandCase @case, CallFault meant, bool orAnother, Random random)
    {
        using var bench = new ChainBench(ChainBench.InMemory);
        (Work pristine, string description) = await KillSearch.MakeAsync(bench, @case, random, isLarge: false);
        var command = new DisturbedCommand(bench, @case, pristine, $"{@case.Name}, seed {search.Seed}, case {number}, {description}");
        ILookup<CallFault, CallPoint> possible = await command.MeasureCallsAsync();
        Assert.True(@case != CommandCases.Sharing || possible.Any(cell => cell.Key.Call == "copy_file_range"), $"{@case.Name}: shares nothing");
        CallFault[] others = [.. possible.Select(cell => cell.Key).Where(fault => fault != meant)];
        random.Shuffle(others);

        // Which thread makes which call changes from run to run, so that one that is rare may not come again.
        foreach (CallFault fault in possible.Contains(meant) ? [meant, .. others] : others)
        {
            if (fault != meant && !orAnother)
            {
                break;
            }

            if (await StrikeAsync(search, @case, command, fault, [.. possible[fault].DistinctBy(point => point.Nth)], random))
            {
                return fault == meant;
            }
        }

        Assert.False(orAnother, $"{@case.Name}, {description}: nothing of {string.Join(", ", possible.Select(cell => cell.Key))} happened in {MostTries} runs each");
        return false;
    }

    private async Task<bool> StrikeAsync(ProofSearch search, CommandCase @case, DisturbedCommand command, CallFault fault, CallPoint[] points, Random random)
    {
        FaultMode mode = s_modes[random.Next(s_modes.Length)];
        mode = mode == FaultMode.Sticky && !fault.CanLast ? FaultMode.Once : mode;
        random.Shuffle(points);
        for (int i = 0; i < MostTries; i++)
        {
            bool hasStruck;
            try
            {
                hasStruck = await command.FailAsync(fault, points[i % points.Length], mode, random);
            }
            catch
            {
                search.Count(Measure.Faults, 1, wrong: 1);
                throw;
            }

            if (hasStruck)
            {
                search.Count(Measure.Faults, 1);
                FaultMode done = mode == FaultMode.ThenKilled && command.KillsBehind == 0 ? FaultMode.Once : mode;
                _struck.AddOrUpdate((@case.Name, fault, done), 1, (_, before) => before + 1);
                return true;
            }
        }

        return false;
    }
}
