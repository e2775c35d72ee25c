using QedVd.ChainKit;
using QedVd.Crashes.Tests.Chains.Planted;
using QedVd.TestKit;

namespace QedVd.Crashes.Tests.Chains;

/// <summary>
/// Each command that changes a chain, traced as a process, and killed or struck by a power loss at whatever place, with several files and their names: no guest
/// loses a byte, no image has errors, and the same command run again does its work.
/// </summary>
public sealed class ChainCrashTests : IDisposable
{
    private const string Long = "crash";
    private const string Search = "crash-chains";
    private const int States = 300;
    private const int StatesOfSecondRuns = 60;
    private const int StaleStates = 60;
    private const int StatesOfLongRuns = 500;
    private const int SecondRunsOfLongRuns = 2;
    private const int MostChains = 24;

    // Of a command that changes one name, or one sector, there are as few on any chain.
    private const int LeastStates = 2;
    private const int LeastStatesOfMoves = 40;

    private static readonly string[] s_code = ["src/Abstractions", "src/Backends.Qed", "src/Backends.Raw", "src/Host", "src/Cli", "tests/ChainKit", "tests/Proof/PlainReader", "tests/Proof/Crashes.Tests/Chains"];

    private readonly ChainBench _bench = new(ChainBench.InMemory);

    public void Dispose() => _bench.Dispose();

    public static TheoryData<string> Commands => [.. ChainCommand.All.Keys];

    [Theory]
    [MemberData(nameof(Commands))]
    public Task Command_StruckAnywhere_KeepsWhatTheGuestReads_AndRunAgainCompletes(string name) =>
        RunAsync(ChainCase.Of(name, promisesZeros: true), nameof(Command_StruckAnywhere_KeepsWhatTheGuestReads_AndRunAgainCompletes), States, StatesOfSecondRuns);

    /// <summary>The same on a volume that promises nothing about what was never written.</summary>
    [Theory]
    [MemberData(nameof(Commands))]
    public async Task Command_StruckWhereNothingPromisesZeros_KeepsWhatTheGuestReads_AndRunAgainCompletes(string name)
    {
        await OverlayVolume.RequireAsync(_bench.Folder, Measure.CrashStates);
        await RunAsync(ChainCase.Of(name, promisesZeros: false), nameof(Command_StruckWhereNothingPromisesZeros_KeepsWhatTheGuestReads_AndRunAgainCompletes), StaleStates, StaleStates / 3);
    }

    [Fact]
    [Trait("Long", Long)]
    public async Task Commands_ForAsLongAsGiven()
    {
        if (!LongRun.IsAsked(Long))
        {
            return;
        }

        bool canOverlay = await OverlayVolume.IsPossibleAsync(_bench.Folder);
        Assert.True(canOverlay || !Peers.InContinuousIntegration, "No overlay can be mounted, and half of the search needs one.");
        using var search = new ProofSearch(Search, s_code);
        TestContext.Current.TestOutputHelper?.WriteLine($"{search}");
        ChainTally tally = new();
        int cases = 0;
        for (long number = search.Next(); search.GoesOn(0, 0); number = search.Next(), cases++)
        {
            var one = new ChainCase(number);
            if (canOverlay || one.PromisesZeros)
            {
                await RunAsync(search, one, nameof(Commands_ForAsLongAsGiven), StatesOfLongRuns, StatesOfLongRuns / 3, SecondRunsOfLongRuns, tally);
            }

            search.Completed(number);
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{cases} cases: {tally}");
        string[] missing = [.. tally.Missing(canOverlay)];
        Assert.True(cases < ChainCase.Round || missing.Length == 0, $"{search}, {cases} cases and not one with: {string.Join(", ", missing)}");
    }

    [Fact]
    public async Task Failure_PrintsTheCommand_ThatLooksAtTheSameCaseAgain()
    {
        if (LongRun.Case is not null)
        {
            return;
        }

        ChainCase one = ChainCase.Of("rebase by name", promisesZeros: true);
        var spoilt = new ChainDefect { Spoils = state => Planting.Flip(state, "3.qed", Planting.DataOf(state, "3.qed")) };
        string test = nameof(Command_StruckAnywhere_KeepsWhatTheGuestReads_AndRunAgainCompletes);
        using var search = new ProofSearch($"{Search}-replay");

        Xunit.Sdk.XunitException failure = await Assert.ThrowsAnyAsync<Xunit.Sdk.XunitException>(() => RunAsync(search, one, test, States, 0, 0, new ChainTally(), spoilt));

        string command = CaseReplay.CommandIn(failure.Message);
        string chain = failure.Message.Split('\n').First(line => line.StartsWith($"'{one.Name}' on ", StringComparison.Ordinal));
        Assert.Contains($"case {one.Number}: {chain}", await CaseReplay.RunAsync(command), StringComparison.Ordinal);
    }

    private async Task RunAsync(ChainCase one, string test, int mostStates, int mostStatesOfSecondRun)
    {
        using var search = new ProofSearch(Search, s_code);
        if (search.Only is null || search.Only == one.Number)
        {
            TestContext.Current.TestOutputHelper?.WriteLine($"{search}");
            await RunAsync(search, one, test, mostStates, mostStatesOfSecondRun, mostSecondRuns: 1, new ChainTally());
        }
    }

    /// <summary>Chains for the command, until one has given it work.</summary>
    private async Task RunAsync(ProofSearch search, ChainCase one, string test, int mostStates, int mostStatesOfSecondRun, int mostSecondRuns, ChainTally tally, ChainDefect? defect = null)
    {
        ChainCommand command = ChainCommand.All[one.Name]();
        int least = command.Moves && one.PromisesZeros ? LeastStatesOfMoves : LeastStates;
        bool mustBeStale = (command.Moves || command.Grows) && !one.PromisesZeros;
        var random = new Random(search.SeedOf(one.Number));
        int states = 0;
        int stale = 0;
        for (int chains = 0; chains < MostChains && (states < least || (mustBeStale && stale == 0)); chains++)
        {
            var explorer = new ChainExplorer(_bench, one.Name, random.Next(), one.PromisesZeros, defect);
            await explorer.RunAsync(mostStates, mostStatesOfSecondRun, mostSecondRuns);
            Judge(search, one, test, explorer, mostStates, isPlanted: defect is not null);
            tally.Add(one, explorer);
            states += explorer.States.Values.Sum();
            stale += explorer.StaleStates;
        }

        string where = $"{search}, case {one.Number}, '{one.Name}': {CaseReplay.CommandOf(search, test, one.Number)}";
        Assert.True(states >= least, $"Only {states} states on {MostChains} chains: {where}");
        Assert.True(stale > 0 || !mustBeStale, $"Nothing stale in any state on {MostChains} chains: {where}");
    }

    private static void Judge(ProofSearch search, ChainCase one, string test, ChainExplorer explorer, int mostStates, bool isPlanted)
    {
        int states = explorer.States.Values.Sum();
        if (!isPlanted)
        {
            search.Count(Measure.CrashStates, states, explorer.Violations.Count);
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"case {one.Number}: {explorer.Description}: {explorer}");
        string replay = $"To see it again: {CaseReplay.CommandOf(search, test, one.Number)}";
        Assert.True(explorer.Violations.Count == 0, $"{explorer.Violations.Count} of {states} states are wrong. {replay}\n{explorer.Violations.FirstOrDefault()}");
        Assert.True(explorer.Reruns > 0 || !explorer.HasUnfinished, $"The command was never run again, of {explorer.Description}. {replay}");
        Assert.True(explorer.SecondReadings > 0, $"The second reader has read nothing, of {explorer.Description}. {replay}");
        Assert.True(explorer.Writes > 0, $"Nothing was written to any state, of {explorer.Description}. {replay}");

        // A write is long enough to be interrupted, and a position with few choices is there, or not.
        FolderCrashKind[] missing = [.. Enum.GetValues<FolderCrashKind>().Except([FolderCrashKind.KilledWithin, FolderCrashKind.Each]).Except(explorer.Drawn.Keys)];
        Assert.True(missing.Length == 0 || states >= mostStates, $"Of {string.Join(", ", missing)} no state was drawn, of {explorer.Description}. {replay}");
    }
}
