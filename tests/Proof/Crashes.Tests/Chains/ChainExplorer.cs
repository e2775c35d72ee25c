using System.Globalization;
using QedVd.ChainKit;
using QedVd.Crashes.Tests.Chains.Planted;
using QedVd.PlainReader;
using QedVd.TestKit;

namespace QedVd.Crashes.Tests.Chains;

/// <summary>One command on one random chain: recorded as a process, and whatever a crash may leave of it looked at.</summary>
/// <param name="bench">With a host.</param>
/// <param name="name">The command's.</param>
/// <param name="seed">Chain and states are drawn from it.</param>
/// <param name="promisesZeros">Whether the volume promises that what was never written reads zero after a power loss (crash model M1), or nothing (M2).</param>
/// <param name="defect">What is made wrong on purpose; null: nothing.</param>
/// <param name="looking">With the host that looks at states, where that is another one; null: it is the same.</param>
internal sealed class ChainExplorer(ChainBench bench, string name, int seed, bool promisesZeros, ChainDefect? defect = null, ChainBench? looking = null)
{
    private const int WriteEvery = 4;
    private const int QemuEvery = 100;
    private const int RepeatsOfEachPosition = 12;
    private const int MostTriesOfSecondRuns = 8;
    private const int ManyStates = 8;
    private const int MostViolations = 20;

    private int _unfinished;

    /// <summary>How many distinct states were looked at, of each kind.</summary>
    public Dictionary<FolderCrashKind, int> States { get; } = [];

    /// <summary>How many were drawn of each kind, those among them that were known already.</summary>
    public Dictionary<FolderCrashKind, int> Drawn { get; } = [];

    /// <summary>How many were looked at in which something never written does not read zero.</summary>
    public int StaleStates { get; private set; }

    public int Reruns { get; private set; }

    /// <summary>After how many of them the disk was written to.</summary>
    public int Writes { get; private set; }

    /// <summary>How many levels the second reader has read.</summary>
    public int SecondReadings { get; private set; }

    /// <summary>How many runs after a crash were traced, and struck themselves.</summary>
    public int SecondRuns { get; private set; }

    /// <summary>Whether a state was seen in which the command had not ended. One that finds nothing to do changes nothing, and has none.</summary>
    public bool HasUnfinished => _unfinished > 0;

    /// <summary>What is wrong, one entry for each state.</summary>
    public List<string> Violations { get; } = [];

    public string Description { get; private set; } = "";

    /// <summary>Looks at so many distinct states, or at all where there are fewer; then at those of a crash of the second run, after some of them.</summary>
    public async Task RunAsync(int mostStates, int mostStatesOfSecondRun, int mostSecondRuns)
    {
        var random = new Random(seed);
        ChainCommand command = ChainCommand.All[name]();
        TestChain chain = await MakeAsync(command, random).ConfigureAwait(false);
        string folder = ChainCommand.FolderOf(chain);
        TestChain before = At(chain, bench.NewFolder("state"));
        foreach (string place in command.Folder is null ? [] : new[] { folder, ChainCommand.FolderOf(before) })
        {
            Directory.CreateDirectory(Path.Combine(place, command.Folder!));
        }

        Description = string.Create(CultureInfo.InvariantCulture, $"'{name}'{(promisesZeros ? "" : " with no promise of zeros")} on {chain.Description}, files {FolderBytes.Of(folder)}");
        LostRoom room = await LostRoom.OfAsync(bench, folder).ConfigureAwait(false);
        (FolderTrace trace, JournalNames names) = await RecordAsync(folder, command, chain).ConfigureAwait(false);
        room = command.IsDamaged ? LostRoom.Unbounded : room.Or(await LostRoom.OfAsync(bench, folder).ConfigureAwait(false));
        var check = new ChainStateCheck(looking ?? bench, command, before, ChainStateCheck.FilesOf(folder), room);
        List<FolderState> looked = await ExploreAsync(trace, names, check, random, mostStates, "").ConfigureAwait(false);
        for (int i = 0; i < MostTriesOfSecondRuns && SecondRuns < mostSecondRuns && looked.Count >= ManyStates && Violations.Count == 0; i++)
        {
            FolderState state = looked[random.Next(looked.Count)];
            LayDown(state, check, names);
            if (await check.IsDoneAsync().ConfigureAwait(false))
            {
                continue;
            }

            LayDown(state, check, names);
            LostRoom roomAgain = command.IsDamaged ? room : room.Over(await LostRoom.OfAsync(bench, check.Folder).ConfigureAwait(false));
            var second = new ChainStateCheck(looking ?? bench, command, At(chain, bench.NewFolder("state again")), check.FilesAfter, roomAgain);
            Directory.CreateDirectory(Path.Combine(second.Folder, command.Folder ?? ""));
            (FolderTrace secondTrace, JournalNames secondNames) = await RecordAsync(check.Folder, command, At(chain, check.Folder)).ConfigureAwait(false);
            await ExploreAsync(secondTrace, secondNames, second, random, mostStatesOfSecondRun, $"after {state.Description}, and run again:\n").ConfigureAwait(false);
            SecondRuns++;
        }
    }

    private async Task<(FolderTrace Trace, JournalNames Names)> RecordAsync(string folder, ChainCommand command, TestChain chain)
    {
        Dictionary<string, StorageIdentity> identities = ChainStateCheck.FilesOf(folder).ToDictionary(file => file, file => JournalNames.IdentityOf(Path.Combine(folder, file)));
        string[] arguments = command.Arguments(chain, file => file);
        FolderTrace trace = promisesZeros
            ? await FolderRecorder.RunAsync(folder, Checkout.CommandLine, arguments).ConfigureAwait(false)
            : await FolderRecorder.RunAsync(folder, Peers.Require("unshare"), [.. OverlayVolume.ArgumentsFor(folder, Checkout.CommandLine, arguments)]).ConfigureAwait(false);
        return (defect?.In(trace) ?? trace, new JournalNames(trace.InitialNames.ToDictionary(pair => pair.Value, pair => identities[pair.Key])));
    }

    private async Task<List<FolderState>> ExploreAsync(FolderTrace trace, JournalNames names, ChainStateCheck check, Random random, int mostStates, string after)
    {
        List<FolderState> looked = [];
        HashSet<string> seen = [];

        // Of what is left when the command has ended more is asked.
        HashSet<string> over = [];
        int repeats = 0;
        var crashes = new FolderCrashes(trace);
        foreach (FolderState drawn in crashes.Draw(random))
        {
            FolderState sound = promisesZeros ? drawn : StaleBytes.In(drawn);
            FolderState state = defect?.Spoils(sound) ?? sound;
            if (seen.Count >= mostStates || Violations.Count >= MostViolations || repeats >= RepeatsOfEachPosition * crashes.Positions)
            {
                break;
            }

            Drawn[state.Kind] = Drawn.GetValueOrDefault(state.Kind) + 1;
            string hash = state.ComputeHash(ChainStateCheck.IsTemporary);
            bool isOver = state.Position == trace.Events.Count && over.Add(hash);
            bool isDistinct = seen.Add(hash);
            if (!isDistinct && !isOver)
            {
                repeats++;
                continue;
            }

            repeats = 0;
            looked.Add(state);
            StaleStates += ReferenceEquals(sound, drawn) ? 0 : 1;
            States[state.Kind] = States.GetValueOrDefault(state.Kind) + (isDistinct ? 1 : 0);
            await LookAtAsync(state, check, names, seen.Count, isOver, after).ConfigureAwait(false);
        }

        SecondReadings += check.SecondReadings;
        return looked;
    }

    private async Task LookAtAsync(FolderState state, ChainStateCheck check, JournalNames names, int number, bool isOver, string after)
    {
        string step = "after the crash";
        try
        {
            LayDown(state, check, names);
            await check.ShouldBeSoundAsync().ConfigureAwait(false);
            if (number % QemuEvery == 1)
            {
                await check.QemuShouldAgreeAsync().ConfigureAwait(false);
            }

            if (Writes == 0 || number % WriteEvery == 2)
            {
                step = "writing to it";
                Writes += await check.ShouldTakeWritesAsync(new Random(seed ^ number)).ConfigureAwait(false) ? 1 : 0;
                LayDown(state, check, names);
            }

            if (isOver)
            {
                step = "after the command had ended well";
                await check.ShouldBeDoneAsync().ConfigureAwait(false);
            }
            else if (_unfinished++ % check.RerunEvery == 0)
            {
                step = "doing it again";
                await check.ShouldCompleteAsync().ConfigureAwait(false);
                Reruns++;
            }
        }
        catch (Exception exception) when (exception is Xunit.Sdk.IAssertionException or ImageException or PlainQedException or IOException or InvalidOperationException or ArgumentException)
        {
            string found = $"state {number}, {step}: {exception.Message}\n{after}{state.Description}\nnames: {string.Join(", ", state.Names.Select(pair => $"{pair.Key} ({pair.Value})"))}";
            LayDown(state, check, names);
            Violations.Add($"{Description}\n{found}\n{await check.AskQemuAsync().ConfigureAwait(false)}");
        }
    }

    public override string ToString() =>
        $"{States.Values.Sum()} states ({string.Join(", ", States.OrderBy(pair => pair.Key).Select(pair => $"{pair.Key} {pair.Value}"))}), {StaleStates} with stale bytes, "
        + $"{Writes} written to, {SecondReadings} second readings, {Reruns} run again, {SecondRuns} struck again";

    private static void LayDown(FolderState state, ChainStateCheck check, JournalNames names)
    {
        state.SaveTo(check.Folder);
        names.Translate(state, check.Folder);
    }

    private async Task<TestChain> MakeAsync(ChainCommand command, Random random)
    {
        var options = new ChainPlanOptions
        {
            LeastLevels = 4,
            MostLevels = 4,
            MostBytes = random.Next(3) == 0 ? 400 << 10 : 100 << 10,
            MostClusterBytes = random.Next(3) == 0 ? 16384 : 4096,
            MostChanges = random.Next(4, 16),
            ForQemu = true,
        };
        TestChain chain = await bench.MakeAsync(DrawWithWork(random, options), bench.NewFolder("recorded")).ConfigureAwait(false);
        await command.Prepare(command, bench, chain, random).ConfigureAwait(false);
        return chain;
    }

    /// <summary>In the upper levels there is something to be moved.</summary>
    private static ChainPlan DrawWithWork(Random random, ChainPlanOptions options)
    {
        while (true)
        {
            ChainPlan plan = ChainPlan.Draw(random, options);
            if (plan.Levels.Skip(1).All(level => level.Changes.Any(change => change.Kind == GuestChangeKind.Data && change.LengthBytes >= SparseBytes.PageBytes)))
            {
                return plan;
            }
        }
    }

    private static TestChain At(TestChain chain, string folder)
    {
        TestChain copy = chain.Clone();
        copy.Levels.ForEach(level => level.Path = Path.Combine(folder, level.Name));
        return copy;
    }
}
