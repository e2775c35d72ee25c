using QedVd.TestKit;

namespace QedVd.Crashes.Tests.Recorded;

/// <summary>A rebase and a commit by QEMU's tools and by ours, on the same images: recorded, and explored with all of their files.</summary>
public sealed class RecordedChainTests : IDisposable
{
    private const string Image = "top.qed";
    private const int MostStates = 250;
    private const int MostRepeats = 400;

    private static readonly Dictionary<string, byte> s_parents = new() { ["one.raw"] = 0x77, ["two.raw"] = 0x55 };

    private readonly string _folder = Directory.CreateTempSubdirectory("qedvd-recorded-").FullName;
    private readonly long _seed = LongRun.Seed();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Rebase_ByQemu_MayShowTheNewParentInThePlaceOfTheOld()
    {
        StateCounts counts = await RunAsync("rebase", Peers.Require("qemu-img"), ["rebase", "-f", "qed", "-b", "two.raw", "-F", "raw", Image], Measure.CrashStatesOfQemu);

        Assert.True(counts.WrongData > 0, $"seed {_seed}: QEMU writes the parent's name together with what makes it right; no state shows it: {counts}");
    }

    [Fact]
    public async Task Commit_ByQemu_IsExplored()
    {
        StateCounts counts = await RunAsync("commit", Peers.Require("qemu-img"), ["commit", "-q", "-f", "qed", Image], Measure.CrashStatesOfQemu);

        Assert.NotEqual(0, counts.States);
    }

    [Theory]
    [InlineData("rebase", "-q", "-b", "two.raw", "-F", "raw")]
    [InlineData("rebase", "-q", "-b", "")]
    [InlineData("commit", "-q", "--parent-format", "raw")]
    [InlineData("commit", "-q", "-d", "--parent-format", "raw")]
    public async Task Command_OfOurs_HasNoViolation(params string[] arguments)
    {
        StateCounts counts = await RunAsync(string.Join(' ', arguments), Checkout.CommandLine, [.. arguments, Image], Measure.CrashStates);

        Assert.True(counts.Violations == 0 && counts.BadReferences == 0, $"seed {_seed}: {counts}. {counts.First}");
    }

    private async Task<StateCounts> RunAsync(string what, string program, string[] arguments, Measure measure)
    {
        byte[] guest = await PrepareAsync();
        FolderTrace trace = await FolderRecorder.RunAsync(_folder, program, arguments);
        var counts = new StateCounts();
        HashSet<string> seen = [];
        int repeats = 0;
        foreach (FolderState state in new FolderCrashes(trace).Draw(new Random((int)_seed)))
        {
            if (repeats == MostRepeats || counts.States == MostStates)
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

        Figures.Add(measure, counts.States, counts.Violations);
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {_seed}, {what}, {trace.Events.Count} events: {counts}. {counts.First}");
        return counts;
    }

    private static byte[] Bytes(FolderState state, string name)
    {
        SparseBytes content = state.Contents[state.Names[name]];
        byte[] bytes = new byte[content.LengthBytes];
        content.Read(0, bytes);
        return bytes;
    }

    /// <summary>An overlay that holds a cluster, and half of another one; returns what its guest reads.</summary>
    private async Task<byte[]> PrepareAsync()
    {
        byte[] guest = new byte[ImageScenario.GuestBytes];
        foreach ((string name, byte pattern) in s_parents)
        {
            await File.WriteAllBytesAsync(Path.Combine(_folder, name), Enumerable.Repeat(pattern, guest.Length).ToArray());
        }

        GuestStep[] steps = [new(0, ImageScenario.ClusterBytes, 0xA1), new(16384, ImageScenario.ClusterBytes / 2, 0xA2)];
        (await ToolRun.RunAsync(Peers.Require("qemu-img"), ["create", "-q", "-f", "qed", "-o", $"cluster_size={ImageScenario.ClusterBytes},table_size=2,backing_file=one.raw,backing_fmt=raw", Image, $"{guest.Length}"], _folder)).ShouldExitWith(0);
        (await ToolRun.RunAsync(Peers.Require("qemu-io"), ["-f", "qed", .. steps.SelectMany(step => new[] { "-c", step.ToQemuIo() }), Image], _folder)).ShouldExitWith(0);
        guest.AsSpan().Fill(s_parents["one.raw"]);
        Array.ForEach(steps, step => step.Apply(guest));
        return guest;
    }
}
