using QedVd.PlainReader;
using QedVd.TestKit;

namespace QedVd.Crashes.Tests.Recorded;

/// <summary>
/// A rebase and a commit by QEMU's tools and by ours, on the same images: recorded, explored with all of their files, and judged by the second reader. The first
/// round is over an image that does not change, later ones over images that are drawn.
/// </summary>
public sealed class RecordedChainTests(ITestOutputHelper output) : IDisposable
{
    private const string Image = "top.qed";
    private const int MostStates = 250;
    private const int MostRepeats = 400;
    private const string RebaseOfQemu = "rebase by QEMU";

    private static readonly Dictionary<string, byte> s_parents = new() { ["one.raw"] = 0x77, ["two.raw"] = 0x55 };

    private static readonly (string Name, bool IsOurs, string[] Arguments)[] s_commands =
    [
        (RebaseOfQemu, false, ["rebase", "-f", "qed", "-b", "two.raw", "-F", "raw", Image]),
        ("commit by QEMU", false, ["commit", "-q", "-f", "qed", Image]),
        ("rebase", true, ["rebase", "-q", "-b", "two.raw", "-F", "raw", Image]),
        ("rebase to none", true, ["rebase", "-q", "-b", "", Image]),
        ("commit", true, ["commit", "-q", "--parent-format", "raw", Image]),
        ("commit and delete", true, ["commit", "-q", "-d", "--parent-format", "raw", Image]),
    ];

    private readonly string _folder = Directory.CreateTempSubdirectory("qedvd-recorded-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    [Trait("Long", "crash")]
    public async Task Commands_OfOursHaveNoViolation_AndQemusRebaseShowsTheNewParentInThePlaceOfTheOld()
    {
        using var search = new ProofSearch("crash-qemu-chains", "src/Abstractions", "src/Backends.Qed", "src/Backends.Raw", "src/Host", "src/Cli", "tests/Proof/PlainReader", "tests/Proof/Crashes.Tests/Recorded");
        Dictionary<string, long> wrongData = [];
        int cases = 0;
        for (long number = search.Next(); search.GoesOn(cases, s_commands.Length); number = search.Next())
        {
            (string name, bool isOurs, string[] arguments) = s_commands[number % s_commands.Length];
            Random random = new(search.SeedOf(number));
            byte[] guest = await PrepareAsync(number < s_commands.Length ? [new(0, ImageScenario.ClusterBytes, 0xA1), new(16384, ImageScenario.ClusterBytes / 2, 0xA2)] : ImageScenario.Draw(random).Steps);
            FolderTrace trace = await FolderRecorder.RunAsync(_folder, isOurs ? Checkout.CommandLine : Peers.Require("qemu-img"), arguments);
            StateCounts counts = Explore(trace, guest, random, search.IsLong ? 4 * MostStates : MostStates);
            search.Count(isOurs ? Measure.CrashStates : Measure.CrashStatesOfQemu, counts.States, counts.Violations);
            wrongData[name] = wrongData.GetValueOrDefault(name) + counts.WrongData;
            output.WriteLine($"{search}, case {number}: {name}, {trace.Events.Count} events: {counts}. {counts.First}");
            Assert.True(!isOurs || counts.Violations + counts.BadReferences == 0, $"{name}: {counts}. To see it again: {search.CommandFor(number, nameof(RecordedChainTests))}\n{counts.First}");
            search.Completed(number);
            cases++;
        }

        Assert.True(cases < s_commands.Length || wrongData[RebaseOfQemu] > 0, $"{search}: QEMU writes the parent's name together with what makes it right; no state shows it.");
    }

    private static StateCounts Explore(FolderTrace trace, byte[] guest, Random random, int mostStates)
    {
        var counts = new StateCounts();
        HashSet<string> seen = [];
        int repeats = 0;
        foreach (FolderState state in new FolderCrashes(trace).Draw(random))
        {
            if (repeats == MostRepeats || counts.States == mostStates)
            {
                break;
            }

            if (!seen.Add(state.ComputeHash()))
            {
                repeats++;
                continue;
            }

            repeats = 0;
            byte[]? Parent(string? name) => name is null ? null : Bytes(state, name);
            counts.Add(new ImageJudge(guest, [], Parent).Judge(Bytes(state, Image), durableSteps: 0), state.Description);
        }

        return counts;
    }

    private static byte[] Bytes(FolderState state, string name)
    {
        SparseBytes content = state.Contents[state.Names[name]];
        byte[] bytes = new byte[content.LengthBytes];
        content.Read(0, bytes);
        return bytes;
    }

    /// <summary>An overlay that a guest has written to; returns what it reads.</summary>
    private async Task<byte[]> PrepareAsync(GuestStep[] steps)
    {
        Array.ForEach(Directory.GetFiles(_folder), File.Delete);
        byte[] guest = new byte[ImageScenario.GuestBytes];
        foreach ((string name, byte pattern) in s_parents)
        {
            await File.WriteAllBytesAsync(Path.Combine(_folder, name), Enumerable.Repeat(pattern, guest.Length).ToArray(), TestContext.Current.CancellationToken);
        }

        (await ToolRun.RunAsync(Peers.Require("qemu-img"), ["create", "-q", "-f", "qed", "-o", $"cluster_size={ImageScenario.ClusterBytes},table_size=2,backing_file=one.raw,backing_fmt=raw", Image, $"{guest.Length}"], _folder)).ShouldExitWith(0);
        (await ToolRun.RunAsync(Peers.Require("qemu-io"), ["-f", "qed", .. steps.SelectMany(step => new[] { "-c", step.ToQemuIo() }), Image], _folder)).ShouldExitWith(0);
        // What the image says, not what was meant: QEMU's write to a part of a zero cluster takes the rest from the parent.
        byte[] image = await File.ReadAllBytesAsync(Path.Combine(_folder, Image), TestContext.Current.CancellationToken);
        PlainQed.Open(image.Length, ImageJudge.ReaderOf(image)).Read(0, guest, ImageJudge.ReaderOf(Enumerable.Repeat(s_parents["one.raw"], guest.Length).ToArray()));
        return guest;
    }
}
