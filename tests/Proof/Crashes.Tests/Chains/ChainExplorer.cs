using System.Globalization;
using QedVd.ChainKit;
using QedVd.TestKit;

namespace QedVd.Crashes.Tests.Chains;

/// <summary>One command on one random chain: recorded as a process, and whatever a crash may leave of it looked at.</summary>
internal sealed class ChainExplorer(ChainBench bench, string name, int seed)
{
    private const int RerunEvery = 8;
    private const int QemuEvery = 150;
    private const int MostRepeats = 300;

    /// <summary>How many distinct states were looked at, of each kind.</summary>
    public Dictionary<FolderCrashKind, int> States { get; } = [];

    /// <summary>How many were drawn of each kind, those among them that were known already.</summary>
    public Dictionary<FolderCrashKind, int> Drawn { get; } = [];

    public int Reruns { get; private set; }

    /// <summary>What is wrong, one entry for each state.</summary>
    public List<string> Violations { get; } = [];

    public string Description { get; private set; } = "";

    /// <summary>Looks at so many distinct states, or at all where there are fewer.</summary>
    public async Task RunAsync(int mostStates)
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

        Dictionary<string, StorageIdentity> identities = ChainStateCheck.FilesOf(folder).ToDictionary(file => file, file => JournalNames.IdentityOf(Path.Combine(folder, file)));
        FolderTrace trace = await FolderRecorder.RunAsync(folder, Checkout.CommandLine, command.Arguments(chain, file => file)).ConfigureAwait(false);
        Description = string.Create(CultureInfo.InvariantCulture, $"'{name}' with the case seed {seed}: {chain.Description}, {trace.Events.Count} events");

        var names = new JournalNames(trace.InitialNames.ToDictionary(pair => pair.Value, pair => identities[pair.Key]));
        var check = new ChainStateCheck(bench, command, before, ChainStateCheck.FilesOf(folder));
        HashSet<string> seen = [];
        int repeats = 0;
        foreach (FolderState state in new FolderCrashes(trace).Draw(random))
        {
            if (seen.Count >= mostStates || repeats >= MostRepeats)
            {
                break;
            }

            Drawn[state.Kind] = Drawn.GetValueOrDefault(state.Kind) + 1;
            if (!seen.Add(state.ComputeHash(IsTemporary)))
            {
                repeats++;
                continue;
            }

            repeats = 0;
            States[state.Kind] = States.GetValueOrDefault(state.Kind) + 1;
            await LookAtAsync(state, check, names, seen.Count).ConfigureAwait(false);
        }
    }

    private async Task LookAtAsync(FolderState state, ChainStateCheck check, JournalNames names, int number)
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

            if (number % RerunEvery == 1)
            {
                step = "doing it again";
                await check.ShouldCompleteAsync().ConfigureAwait(false);
                Reruns++;
            }
        }
        catch (Exception exception) when (exception is Xunit.Sdk.IAssertionException or ImageException or IOException or InvalidOperationException or ArgumentException)
        {
            Violations.Add($"{Description}\nstate {number}, {step}: {exception.Message}\n{state.Description}\nnames: {string.Join(", ", state.Names.Select(pair => $"{pair.Key} ({pair.Value})"))}");
        }
    }

    private static void LayDown(FolderState state, ChainStateCheck check, JournalNames names)
    {
        state.SaveTo(check.Folder);
        names.Translate(state, check.Folder);
    }

    private static bool IsTemporary(string path) => path.EndsWith(".qedvd-new", StringComparison.Ordinal);

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
