using System.Collections.Concurrent;
using QedVd.ChainKit;
using QedVd.Cli.Tests.Killing;
using QedVd.TestKit;

namespace QedVd.Cli.Tests.Faults;

/// <summary>
/// Every command that changes files, with storages that go wrong in every way at their 1st, 2nd, 3rd ... operation: at all of them. In a long run once and from
/// then on, each with a kill at that moment; here once or from then on, some with a kill. No cell of commands and ways is empty where the command makes such
/// an operation at all.
/// </summary>
public sealed class FaultMatrixTests
{
    private const int Workers = 2;
    private const int CrashEvery = 4;

    private readonly ConcurrentDictionary<(string Command, FaultKind Kind), int> _struck = [];
    private readonly ConcurrentDictionary<(string Command, FaultKind Kind), int> _made = [];

    [Fact]
    [Trait("Long", FaultCase.Name)]
    public async Task Commands_OverStoragesThatFailAnywhere_KeepWhatTheGuestReads_AndRunAgainComplete()
    {
        using var search = CommandSearch.Open($"{FaultCase.Name}-commands");
        TestContext.Current.TestOutputHelper?.WriteLine(search.ToString());
        long taken = 0;
        long completed = 0;
        await CommandSearch.RunAsync(search, Workers, () => search.GoesOn(Interlocked.Increment(ref taken) - 1, CommandCases.All.Count), async number =>
        {
            await FaultCase.RunAsync(search, typeof(FaultMatrixTests), number, () => RunCaseAsync(search, number));
            Interlocked.Increment(ref completed);
        });

        string[] empty = [.. _made.Where(cell => cell.Value > 0 && _struck.GetValueOrDefault(cell.Key) == 0).Select(cell => $"{cell.Key.Command} with {cell.Key.Kind}")];
        TestContext.Current.TestOutputHelper?.WriteLine($"{_struck.Values.Sum()} faults in {_struck.Count(cell => cell.Value > 0)} of {_made.Count} cells; the others have no such operation");
        if (search.Only is not null)
        {
            return;
        }

        Assert.True(empty.Length == 0, $"Nothing failed in: {string.Join("; ", empty)}");
        if (completed < CommandCases.All.Count)
        {
            // As many cells as there was time for.
            return;
        }

        Assert.Equal(CommandCases.All.Select(@case => @case.Name).Order(), _struck.Where(cell => cell.Value > 0).Select(cell => cell.Key.Command).Distinct().Order());
        Assert.Equal(Enum.GetValues<FaultKind>(), _struck.Where(cell => cell.Value > 0).Select(cell => cell.Key.Kind).Distinct().Order());
    }

    private async Task RunCaseAsync(ProofSearch search, long number)
    {
        CommandCase @case = CommandCases.All[(int)(number % CommandCases.All.Count)];
        var random = new Random(search.SeedOf(number));
        using var bench = new ChainBench(ChainBench.InMemory);
        (Work pristine, string description) = await KillSearch.MakeAsync(bench, @case, random, isLarge: false);
        var command = new DisturbedCommand(bench, @case, pristine, $"{@case.Name}, seed {search.Seed}, case {number}, {description}");
        var faults = new StorageFaults { Plant = PlantedFault.FromOutside };
        foreach ((FaultKind kind, int count) in await command.MeasureStoragesAsync(faults))
        {
            _made.AddOrUpdate((@case.Name, kind), count, (_, before) => before + count);
            foreach ((int nth, bool isSticky, bool withCrash) in Points(count, random, search.IsLong))
            {
                bool hasStruck;
                try
                {
                    hasStruck = await command.FaultAsync(faults, kind, nth, isSticky, withCrash);
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

    /// <summary>What a normal run looks at comes first in a long one too.</summary>
    private static IEnumerable<(int Nth, bool IsSticky, bool WithCrash)> Points(int count, Random random, bool isLong)
    {
        (int Nth, bool IsSticky, bool WithCrash)[] drawn = [.. Enumerable.Range(1, count).Select(nth => (nth, random.Next(2) == 0, random.Next(CrashEvery) == 0))];
        return isLong ? [.. drawn.Select(point => point with { WithCrash = true }), .. drawn.Select(point => (point.Nth, !point.IsSticky, true))] : drawn;
    }
}
