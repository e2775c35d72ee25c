using QedVd.TestKit;

namespace QedVd.Crashes.Tests.Recorded;

/// <summary>
/// The same scenarios by QEMU's tools and by ours, recorded as processes and explored alike. What QEMU's leave is published, and no failure; that classes of
/// violations are found in it that are known to be there says that the explorer sees them.
/// </summary>
public sealed class RecordedImageTests : IDisposable
{
    private const string Image = "top.qed";
    private const string ParentFile = "base.raw";
    private const int SamplesOfEach = 40;

    private readonly string _folder = Directory.CreateTempSubdirectory("qedvd-recorded-").FullName;
    private readonly long _seed = LongRun.Seed();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    public static TheoryData<int> Scenarios => [.. Enumerable.Range(0, ImageScenario.All.Count)];

    [Fact]
    public async Task Images_WrittenByQemu_HaveTheViolationsThatAreKnown()
    {
        string qemuIo = Peers.Require("qemu-io");
        int trusted = 0;
        int garbage = 0;
        foreach (ImageScenario scenario in ImageScenario.All)
        {
            await PrepareAsync(scenario);
            FolderTrace trace = await FolderRecorder.RunAsync(_folder, qemuIo, ["-f", "qed", .. scenario.Steps.SelectMany(step => new[] { "-c", step.ToQemuIo() }), Image]);
            var judge = new ImageJudge(scenario.Start(), scenario.Steps, _ => scenario.Parent);
            StateCounts zero = Explore(trace, judge, leavesGarbage: false);
            StateCounts stale = Explore(trace, judge, leavesGarbage: true);
            Tell($"| QEMU | {scenario.Name} | {Row(zero)} | {Row(stale)} |");
            Figures.Add(Measure.CrashStatesOfQemu, zero.States + stale.States, zero.Violations + stale.Violations);
            trusted += scenario.Name[0] is 'B' or 'F' ? zero.TrustedBadReferences : 0;
            garbage += stale.Garbage;
        }

        Assert.True(trusted > 0, "No state of the scenarios B and F has a bad reference in an image that says that it is sound, where QEMU is known to leave some.");
        Assert.True(garbage > 0, "No guest of QEMU reads what was on the disk before, where it is known to.");
    }

    [Theory]
    [MemberData(nameof(Scenarios))]
    public async Task Image_WrittenByUs_HasNoViolation(int number)
    {
        ImageScenario scenario = ImageScenario.All[number];
        await PrepareAsync(scenario);
        byte[] guest = scenario.Start();
        var sum = new List<StateCounts>();
        foreach (GuestStep step in scenario.Steps.Where(step => !step.IsFlush))
        {
            // Each in a run of its own, at the end of which it is durable.
            await File.WriteAllBytesAsync(InputPath, Enumerable.Repeat(step.Pattern, step.LengthBytes).ToArray());
            FolderTrace trace = await FolderRecorder.RunAsync(
                _folder,
                Checkout.CommandLine,
                step.Pattern == 0
                    ? ["trim", "-q", "--offset", $"{step.Offset}", "--length", $"{step.LengthBytes}", Image]
                    : ["write", "--offset", $"{step.Offset}", "-i", InputPath, Image]);
            var judge = new ImageJudge([.. guest], [step], _ => scenario.Parent);
            StateCounts counts = Explore(trace, judge, leavesGarbage: false);
            sum.Add(counts);
            Figures.Add(Measure.CrashStates, counts.States, counts.Violations);
            Assert.True(counts.Violations == 0 && counts.BadReferences == 0, $"seed {_seed}, {scenario.Name}: {counts}. {counts.First}");
            step.Apply(guest);
        }

        Tell($"| ours | {scenario.Name} | {sum.Sum(each => each.States)} states | 0 |");
        File.Delete(InputPath);
    }

    private string InputPath => _folder + ".input";

    private static string Row(StateCounts counts) => $"{counts.States:N0} | {counts.BadReferences} ({counts.TrustedBadReferences}) | {counts.Garbage} | {counts.WrongData}";

    private static void Tell(string line) => TestContext.Current.TestOutputHelper?.WriteLine(line);

    private async Task PrepareAsync(ImageScenario scenario)
    {
        Array.ForEach(Directory.GetFiles(_folder), File.Delete);
        await File.WriteAllBytesAsync(Path.Combine(_folder, ParentFile), scenario.Parent);
        string parent = scenario.HasParent ? $",backing_file={ParentFile},backing_fmt=raw" : "";
        (await ToolRun.RunAsync(Peers.Require("qemu-img"), ["create", "-q", "-f", "qed", "-o", $"cluster_size={ImageScenario.ClusterBytes},table_size=2{parent}", Image, $"{ImageScenario.GuestBytes}"], _folder)).ShouldExitWith(0);
        if (scenario.Before.Length > 0)
        {
            (await ToolRun.RunAsync(Peers.Require("qemu-io"), ["-f", "qed", .. scenario.Before.SelectMany(step => new[] { "-c", step.ToQemuIo() }), Image], _folder)).ShouldExitWith(0);
        }
    }

    private StateCounts Explore(FolderTrace trace, ImageJudge judge, bool leavesGarbage)
    {
        SimulatedFile history = trace.HistoryOf(trace.InitialNames[Image]);
        var counts = new StateCounts();
        HashSet<string> seen = [];
        IReadOnlyList<StorageOperation> operations = history.Trace;
        var options = new PowerLossOptions { LeavesGarbage = leavesGarbage, Seed = _seed, Samples = SamplesOfEach };
        foreach (CrashState state in CrashStates.OfProcessKill(history).Concat(CrashStates.OfPowerLoss(history, options)))
        {
            // What must be durable differs from one position to the other; a state of an earlier one is not judged by a later one's measure.
            int durable = judge.DurableSteps(operations, state.Position);
            byte[] image = state.File.ReadBytes(0, (int)state.File.LengthBytes);
            if (seen.Add($"{durable} {state.File.ComputeHash()}"))
            {
                counts.Add(judge.Judge(image, durable), state.Description);
            }
        }

        return counts;
    }
}
