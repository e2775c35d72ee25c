using System.Text.RegularExpressions;
using QedVd.TestKit;

namespace QedVd.Crashes.Tests.Recorded;

/// <summary>
/// The same scenarios by QEMU and by us, explored alike and judged by the second reader. What QEMU's leave is published, and no failure; that classes of
/// violations are found in it that are known to be there says that the explorer sees them.
/// </summary>
public sealed partial class RecordedImageTests(ITestOutputHelper output) : IDisposable
{
    private const int DrawnInATest = 2;
    private const StorageFacts WithoutZeros = SimulatedFile.GoodFacts & ~StorageFacts.NeverWrittenReadsZero;

    private readonly ScenarioBench _bench = new();

    public static TheoryData<int> Scenarios => [.. Enumerable.Range(0, ImageScenario.All.Count)];

    public void Dispose() => _bench.Dispose();

    /// <summary>Ours are the same each time. Of QEMU's states the number may be another one with another QEMU, but not where there is something wrong.</summary>
    [Fact]
    public async Task Scenarios_LeaveWhatTheTableSays()
    {
        string[] table = await File.ReadAllLinesAsync(Checkout.PathOf("docs", "reliability.md"), TestContext.Current.CancellationToken);
        int trusted = 0;
        int garbage = 0;
        List<string> wrong = [];
        foreach (ImageScenario scenario in ImageScenario.All)
        {
            StateCounts[] counts = await ExploreAsync(scenario, new PowerLossOptions { Samples = 40, Seed = 1 });
            (StateCounts zeros, StateCounts stale, StateCounts ours, StateCounts oursStale) = (counts[0], counts[1], counts[2], counts[3]);
            Figures.Add(Measure.CrashStatesOfQemu, zeros.States + stale.States, zeros.Violations + stale.Violations);
            Figures.Add(Measure.CrashStates, ours.States + oursStale.States, ours.Violations + oursStale.Violations);
            string qemu = FormattableString.Invariant($"| {scenario.Name} | {References(zeros)} | {References(stale)} | {stale.Garbage:N0} |");
            string row = FormattableString.Invariant($"{qemu} {ours.States:N0}, {ours.Violations} | {oursStale.States:N0}, {oursStale.Violations} |");
            output.WriteLine(row);
            Assert.True(counts[2..].All(each => each.Violations + each.BadReferences == 0), $"{scenario}: {ours}. {ours.First}; {oursStale}. {oursStale.First}");
            string said = table.SingleOrDefault(line => line.StartsWith($"| {scenario.Name} |", StringComparison.Ordinal)) ?? "(no row)";
            bool isSame = said.EndsWith(row[qemu.Length..], StringComparison.Ordinal) && Number().Replace(said, Zeroness) == Number().Replace(row, Zeroness);
            wrong.AddRange(isSame ? [] : [$"It says    {said}", $"there is   {row}"]);
            trusted += scenario.Name[0] is 'B' or 'F' ? zeros.TrustedBadReferences : 0;
            garbage += stale.Garbage;
        }

        Assert.True(trusted > 0, "No state of the scenarios B and F has a bad reference in an image that says that it is sound, where QEMU is known to leave some.");
        Assert.True(garbage > 0, "No guest of QEMU reads what was on the disk before, where it is known to.");
        Assert.True(wrong.Count == 0, $"The table of docs/reliability.md:\n{string.Join('\n', wrong)}");
    }

    [Fact]
    [Trait("Long", "crash")]
    public async Task Scenarios_ThatAreDrawn_LeaveNothingWrongOfOurs()
    {
        using var search = new ProofSearch("crash-qemu", "src/Abstractions", "src/Backends.Qed", "tests/Proof/PlainReader", "tests/Proof/Crashes.Tests/Recorded");
        int cases = 0;
        for (long number = search.Next(); search.GoesOn(cases, DrawnInATest); number = search.Next())
        {
            ImageScenario scenario = ImageScenario.Draw(new Random(search.SeedOf(number)));
            StateCounts[] counts = await ExploreAsync(scenario, new PowerLossOptions { Samples = search.IsLong ? 400 : 40, Seed = search.SeedOf(number) });
            search.Count(Measure.CrashStates, counts[2].States + counts[3].States, counts[2].Violations + counts[3].Violations);
            search.Count(Measure.CrashStatesOfQemu, counts[0].States + counts[1].States, counts[0].Violations + counts[1].Violations);
            search.Count(Measure.Detail("of QEMU, without zeros (M2)"), counts[1].States, counts[1].Violations);
            foreach (StateCounts ours in counts[2..])
            {
                Assert.True(ours.Violations + ours.BadReferences == 0, $"{scenario}: {ours}. To see it again: {search.CommandFor(number, nameof(Scenarios_ThatAreDrawn_LeaveNothingWrongOfOurs))}\n{ours.First}");
            }

            search.Completed(number);
            cases++;
        }

        output.WriteLine($"{search}: {cases} scenarios");
    }

    /// <summary>The command line's own system calls: each step in a run of its own, at the end of which it is durable.</summary>
    [Theory]
    [MemberData(nameof(Scenarios))]
    public async Task Image_WrittenByTheCommandLine_HasNoViolation(int number)
    {
        ImageScenario scenario = ImageScenario.All[number];
        await _bench.PrepareAsync(scenario);
        byte[] guest = scenario.Start();
        long seed = LongRun.Seed();
        string input = _bench.Folder + ".input";
        foreach (GuestStep step in scenario.Steps.Where(step => !step.IsFlush))
        {
            await File.WriteAllBytesAsync(input, Enumerable.Repeat(step.Pattern, step.LengthBytes).ToArray(), TestContext.Current.CancellationToken);
            FolderTrace trace = await FolderRecorder.RunAsync(
                _bench.Folder,
                Checkout.CommandLine,
                step.Pattern == 0
                    ? ["trim", "-q", "--offset", $"{step.Offset}", "--length", $"{step.LengthBytes}", ScenarioBench.Image]
                    : ["write", "--offset", $"{step.Offset}", "-i", input, ScenarioBench.Image]);
            SimulatedFile history = trace.HistoryOf(trace.InitialNames[ScenarioBench.Image]);
            StateCounts counts = ScenarioBench.Explore(history, new ImageJudge([.. guest], [step], _ => scenario.Parent), new PowerLossOptions { Seed = seed, Samples = 40 });
            Figures.Add(Measure.CrashStates, counts.States, counts.Violations);
            Assert.True(counts.Violations == 0 && counts.BadReferences == 0, $"seed {seed}, {scenario}: {counts}. {counts.First}");
            step.Apply(guest);
        }

        File.Delete(input);
    }

    /// <summary>QEMU's on storage that promises zeros, QEMU's on other storage, ours on the one, ours on the other.</summary>
    private async Task<StateCounts[]> ExploreAsync(ImageScenario scenario, PowerLossOptions options)
    {
        await _bench.PrepareAsync(scenario);
        var judge = new ImageJudge(scenario.Start(), scenario.Steps, _ => scenario.Parent);
        StateCounts ours = ScenarioBench.Explore(_bench.RecordOurs(scenario, SimulatedFile.GoodFacts), judge, options with { LeavesGarbage = false });
        StateCounts oursStale = ScenarioBench.Explore(_bench.RecordOurs(scenario, WithoutZeros), judge, options with { LeavesGarbage = true });
        SimulatedFile qemu = await _bench.RecordQemuAsync(scenario);
        return [ScenarioBench.Explore(qemu, judge, options with { LeavesGarbage = false }), ScenarioBench.Explore(qemu, judge, options with { LeavesGarbage = true }), ours, oursStale];
    }

    private static string References(StateCounts counts) => FormattableString.Invariant($"{counts.States:N0} | {counts.BadReferences} ({counts.TrustedBadReferences})");

    private static string Zeroness(Match number) => number.Value == "0" ? "0" : "n";

    [GeneratedRegex("[0-9][0-9,]*")]
    private static partial Regex Number();
}
