using QedVd.ChainKit;
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
    private const int Chains = 3;
    private const int ManyChains = 20;

    // Of a command that changes one name, or one sector, there are as few on any chain.
    private const int ManyStates = 8;
    private const int StatesOfSecondRuns = 60;
    private const int StaleStates = 60;
    private const int StatesOfLongRuns = 1500;
    private const int LeastStates = 2;

    private static readonly string[] s_code = ["src/Abstractions", "src/Backends.Qed", "src/Backends.Raw", "src/Host", "src/Cli", "tests/ChainKit", "tests/Proof/PlainReader", "tests/Proof/Crashes.Tests/Chains"];

    private readonly ChainBench _bench = new(ChainBench.InMemory);

    public void Dispose() => _bench.Dispose();

    public static TheoryData<string> Commands => [.. ChainCommand.All.Keys];

    [Theory]
    [MemberData(nameof(Commands))]
    public async Task Command_StruckAnywhere_KeepsWhatTheGuestReads_AndRunAgainCompletes(string name)
    {
        using var search = new ProofSearch(Search, s_code);
        TestContext.Current.TestOutputHelper?.WriteLine($"{search}");
        int states = 0;
        int chains = 0;
        do
        {
            states += (await ExploreAsync(search, name, States - states, chains == 0 ? StatesOfSecondRuns : 0, chains++)).States.Values.Sum();
        }
        while (chains < Chains && states is >= ManyStates and < States / 2);

        Assert.True(states >= LeastStates, $"{search}: only {states} states of '{name}' on {chains} chains");
    }

    /// <summary>The same on a volume that promises nothing about what was never written.</summary>
    [Theory]
    [MemberData(nameof(Commands))]
    public async Task Command_StruckWhereNothingPromisesZeros_KeepsWhatTheGuestReads_AndRunAgainCompletes(string name)
    {
        await OverlayVolume.RequireAsync(_bench.Folder, Measure.CrashStates);
        using var search = new ProofSearch(Search, s_code);
        TestContext.Current.TestOutputHelper?.WriteLine($"{search}");

        // The top takes what the others held, and grows, unless it held all of it before.
        bool mustGrow = name is "flatten" or "rebase to none" or "merge up";
        int stale = 0;
        int chains = 0;
        do
        {
            stale += (await ExploreAsync(search, name, StaleStates, StaleStates / 3, chains++, promisesZeros: false)).StaleStates;
        }
        while (mustGrow && stale == 0 && chains < ManyChains);

        Assert.True(stale > 0 || !mustGrow, $"{search}: nothing stale in any state of '{name}' on {chains} chains");
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
        string[] names = [.. ChainCommand.All.Keys];
        while (search.GoesOn(0, 0))
        {
            long number = search.Next();
            await ExploreAsync(search, names[number % names.Length], StatesOfLongRuns, StatesOfLongRuns / 3, number, promisesZeros: !canOverlay || number / names.Length % 2 == 0);
            search.Completed(number);
        }
    }

    private async Task<ChainExplorer> ExploreAsync(ProofSearch search, string name, int mostStates, int mostStatesOfSecondRun, long number, bool promisesZeros = true)
    {
        var explorer = new ChainExplorer(_bench, name, search.SeedOf(number), promisesZeros);
        await explorer.RunAsync(mostStates, mostStatesOfSecondRun);
        int states = explorer.States.Values.Sum();
        search.Count(Measure.CrashStates, states, explorer.Violations.Count);
        TestContext.Current.TestOutputHelper?.WriteLine($"{explorer.Description}: {states} states ({string.Join(", ", explorer.States.OrderBy(pair => pair.Key).Select(pair => $"{pair.Key} {pair.Value}"))}), {explorer.StaleStates} with stale bytes, {explorer.Reruns} run again, {explorer.SecondRuns} struck again");
        Assert.True(explorer.Violations.Count == 0, $"{search}, case {number}: {explorer.Violations.Count} of {states} states are wrong. The first:\n{explorer.Violations.FirstOrDefault()}");
        Assert.True(explorer.Reruns > 0 || !explorer.HasUnfinished, $"{search}, case {number}: the command was never run again, of {explorer.Description}");

        // A write is long enough to be interrupted, and a position with few choices is there, or not.
        FolderCrashKind[] missing = [.. Enum.GetValues<FolderCrashKind>().Except([FolderCrashKind.KilledWithin, FolderCrashKind.Each]).Except(explorer.Drawn.Keys)];
        Assert.True(missing.Length == 0 || states >= mostStates, $"{search}, case {number}: of {string.Join(", ", missing)} no state was drawn, of {explorer.Description}");
        return explorer;
    }
}
