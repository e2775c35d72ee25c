using System.Collections.Concurrent;
using QedVd.ChainKit;
using QedVd.Cli.Tests.Killing;
using QedVd.TestKit;

namespace QedVd.Cli.Tests.Faults;

/// <summary>
/// Every command that changes files, as a process whose system calls go wrong for real: locks, reads, what is interrupted, what is shared between files. In a
/// long run every cell of commands and faults, here each fault with one command; a cell in which the command makes such a call at all may not stay empty.
/// </summary>
public sealed class CallFaultTests
{
    private const string Name = "faults";
    private const int Workers = 2;
    // Which thread makes which call changes from run to run: a point may be missed many times.
    private const int MostTries = 24;
    private const int PointsOfACell = 4;

    private static readonly CommandCase[] s_cases = [.. CommandCases.All, CommandCases.Sharing];

    private readonly ConcurrentDictionary<(string Command, CallFault Fault), int> _struck = [];

    [Fact]
    [Trait("Long", Name)]
    public async Task Commands_WhoseSystemCallsGoWrong_KeepWhatTheGuestReads_AndRunAgainComplete()
    {
        Peers.Require("strace");
        using var search = CommandSearch.Open($"{Name}-calls");
        TestContext.Current.TestOutputHelper?.WriteLine(search.ToString());
        long taken = 0;
        await CommandSearch.RunAsync(search, Workers, () => search.GoesOn(Interlocked.Increment(ref taken) - 1, CallFault.All.Count), number => RunCaseAsync(search, number));

        string[] empty = [.. _struck.Where(cell => cell.Value == 0).Select(cell => $"{cell.Key.Command} with {cell.Key.Fault}")];
        TestContext.Current.TestOutputHelper?.WriteLine($"{_struck.Values.Sum()} faults in {_struck.Count(cell => cell.Value > 0)} of {_struck.Count} cells; the others have no such call");
        if (search.Only is not null)
        {
            return;
        }

        Assert.True(empty.Length == 0, $"{search}: nothing went wrong in: {string.Join("; ", empty)}");
        Assert.True(search.IsLong || CallFault.All.All(fault => _struck.Keys.Any(cell => cell.Fault == fault)), $"{search}: only {string.Join(", ", _struck.Keys.Select(cell => cell.Fault).Distinct())}");
    }

    /// <summary>It had deleted them: a lock that could not be had was taken for one that nobody holds.</summary>
    [Fact]
    public async Task CommitAndDelete_WithoutALock_AnyOfThem_KeepsWhatSomebodyMayUse()
    {
        Peers.Require("strace");
        CommandCase @case = s_cases.Single(each => each.Name == "commit-delete");
        using var bench = new ChainBench(ChainBench.InMemory);
        (Work pristine, string description) = await KillSearch.MakeAsync(bench, @case, new Random(1), isLarge: false);
        var command = new DisturbedCommand(bench, @case, pristine, $"{@case.Name}, {description}");
        ILookup<CallFault, CallPoint> possible = await command.MeasureCallsAsync();
        CallFault fault = CallFault.All.First(each => each.Result == "error=ENOLCK");
        int struck = 0;
        foreach (CallPoint point in possible[fault].DistinctBy(point => point.Nth))
        {
            struck += await command.FailAsync(fault, point) ? 1 : 0;
        }

        Assert.InRange(struck, 1, int.MaxValue);
    }

    private async Task RunCaseAsync(ProofSearch search, long number)
    {
        var random = new Random(search.SeedOf(number));
        CallFault? one = search.IsLong ? null : CallFault.All[(int)(number % CallFault.All.Count)];
        CommandCase[] cases = one?.Call == "copy_file_range" ? [CommandCases.Sharing] : s_cases;

        // A command that makes no such call is passed over.
        for (int round = 0; ; round++)
        {
            Assert.True(round < s_cases.Length, $"{search}, case {number}: no command has '{one}'");
            CommandCase @case = one is null ? cases[(int)(number % cases.Length)] : cases[random.Next(cases.Length)];
            using var bench = new ChainBench(ChainBench.InMemory);
            (Work pristine, string description) = await KillSearch.MakeAsync(bench, @case, random, isLarge: false);
            var command = new DisturbedCommand(bench, @case, pristine, $"{@case.Name}, seed {search.Seed}, case {number}, {description}");
            ILookup<CallFault, CallPoint> possible = await command.MeasureCallsAsync();
            Assert.True(@case != CommandCases.Sharing || possible.Any(cell => cell.Key.Call == "copy_file_range"), $"{@case.Name}: shares nothing");
            if (one is not null && !possible.Contains(one))
            {
                continue;
            }

            foreach (IGrouping<CallFault, CallPoint> cell in possible.Where(cell => one is null || cell.Key == one))
            {
                await StrikeAsync(search, command, @case, cell.Key, [.. cell.DistinctBy(point => point.Nth)], random);
            }

            return;
        }
    }

    private async Task StrikeAsync(ProofSearch search, DisturbedCommand command, CommandCase @case, CallFault fault, CallPoint[] points, Random random)
    {
        _struck.TryAdd((@case.Name, fault), 0);
        random.Shuffle(points);
        int struck = 0;
        for (int i = 0; i < MostTries && struck < (search.IsLong ? Math.Min(PointsOfACell, points.Length) : 1); i++)
        {
            bool hasStruck;
            try
            {
                hasStruck = await command.FailAsync(fault, points[i % points.Length]);
            }
            catch
            {
                search.Count(Measure.Faults, 1, wrong: 1);
                throw;
            }

            struck += hasStruck ? 1 : 0;
            search.Count(Measure.Faults, hasStruck ? 1 : 0);
        }

        _struck.AddOrUpdate((@case.Name, fault), struck, (_, before) => before + struck);
    }
}
