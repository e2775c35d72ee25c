using System.Collections.Concurrent;
using QedVd.ChainKit;
using QedVd.Cli.Tests.Killing;
using QedVd.TestKit;

namespace QedVd.Cli.Tests.Faults;

/// <summary>
/// Every command that changes files, with storages that go wrong in every way at their 1st, 2nd, 3rd ... operation: all of them, once and from then on, each
/// with a kill at that moment, in a long run; a few of each here. No cell of commands and ways is empty where the command makes such an operation at all.
/// </summary>
public sealed class FaultMatrixTests
{
    private const string Name = "faults";
    private const int Workers = 2;
    private const int SampleOfACell = 6;

    private readonly ConcurrentDictionary<(string Command, FaultKind Kind), int> _struck = [];
    private readonly ConcurrentDictionary<(string Command, FaultKind Kind), int> _made = [];

    [Fact]
    [Trait("Long", Name)]
    public async Task Commands_OverStoragesThatFailAnywhere_KeepWhatTheGuestReads_AndRunAgainComplete()
    {
        using var search = CommandSearch.Open($"{Name}-commands");
        TestContext.Current.TestOutputHelper?.WriteLine(search.ToString());
        long taken = 0;
        await CommandSearch.RunAsync(search, Workers, () => search.GoesOn(Interlocked.Increment(ref taken) - 1, CommandCases.All.Count), number => RunCaseAsync(search, number));

        string[] empty = [.. _made.Where(cell => cell.Value > 0 && _struck.GetValueOrDefault(cell.Key) == 0).Select(cell => $"{cell.Key.Command} with {cell.Key.Kind}")];
        TestContext.Current.TestOutputHelper?.WriteLine($"{_struck.Values.Sum()} faults in {_struck.Count(cell => cell.Value > 0)} of {_made.Count} cells; the others have no such operation");
        if (search.Only is not null)
        {
            return;
        }

        Assert.True(empty.Length == 0, $"Nothing failed in: {string.Join("; ", empty)}");
        if (search.IsLong)
        {
            // As many cells as there was time for.
            return;
        }

        Assert.Equal(Enum.GetValues<FaultKind>(), _struck.Where(cell => cell.Value > 0).Select(cell => cell.Key.Kind).Distinct().Order());
    }

    private async Task RunCaseAsync(ProofSearch search, long number)
    {
        CommandCase @case = CommandCases.All[(int)(number % CommandCases.All.Count)];
        var random = new Random(search.SeedOf(number));
        using var bench = new ChainBench(ChainBench.InMemory);
        (Work pristine, string description) = await KillSearch.MakeAsync(bench, @case, random, isLarge: false);
        var command = new DisturbedCommand(bench, @case, pristine, $"{@case.Name}, seed {search.Seed}, case {number}, {description}");
        var faults = new StorageFaults();
        foreach ((FaultKind kind, int count) in await command.MeasureStoragesAsync(faults))
        {
            _made.AddOrUpdate((@case.Name, kind), count, (_, before) => before + count);
            foreach ((int nth, bool isSticky) in Points(count, random, search.IsLong))
            {
                bool hasStruck;
                try
                {
                    hasStruck = await command.FaultAsync(faults, kind, nth, isSticky, withCrash: search.IsLong);
                }
                catch
                {
                    search.Count(Measure.Faults, 1, wrong: 1);
                    throw;
                }

                search.Count(Measure.Faults, hasStruck ? 1 : 0);
                _struck.AddOrUpdate((@case.Name, kind), hasStruck ? 1 : 0, (_, before) => before + (hasStruck ? 1 : 0));
            }
        }
    }

    private static IEnumerable<(int Nth, bool IsSticky)> Points(int count, Random random, bool isLong)
    {
        if (isLong)
        {
            return Enumerable.Range(1, count).SelectMany(nth => new[] { (nth, false), (nth, true) });
        }

        // The first is always met; of the others some.
        return Enumerable.Range(0, Math.Min(SampleOfACell, count)).Select(i => (i == 0 ? 1 : random.Next(2, count + 1), random.Next(2) == 0));
    }
}
