using QedVd.Backends.Qed;
using QedVd.TestKit;

namespace QedVd.Crashes.Tests.Recorded;

/// <summary>Makes the image of a scenario, carries its steps out in one run, by qemu-io or by our engine, and judges what a crash may leave by the second reader.</summary>
internal sealed class ScenarioBench : IDisposable
{
    public const string Image = "top.qed";

    private const string ParentFile = "base.raw";

    public string Folder { get; } = Directory.CreateTempSubdirectory("qedvd-recorded-").FullName;

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    /// <summary>The image before the steps, by QEMU's tools: both go on from the same one.</summary>
    public async Task PrepareAsync(ImageScenario scenario)
    {
        Array.ForEach(Directory.GetFiles(Folder), File.Delete);
        await File.WriteAllBytesAsync(Path.Combine(Folder, ParentFile), scenario.Parent);
        string parent = scenario.HasParent ? $",backing_file={ParentFile},backing_fmt=raw" : "";
        (await ToolRun.RunAsync(Peers.Require("qemu-img"), ["create", "-q", "-f", "qed", "-o", $"cluster_size={ImageScenario.ClusterBytes},table_size=2{parent}", Image, $"{ImageScenario.GuestBytes}"], Folder)).ShouldExitWith(0);
        if (scenario.Before.Length > 0)
        {
            (await ToolRun.RunAsync(Peers.Require("qemu-io"), ["-f", "qed", .. Commands(scenario.Before), Image], Folder)).ShouldExitWith(0);
        }
    }

    /// <summary>What qemu-io does, as system calls.</summary>
    public async Task<SimulatedFile> RecordQemuAsync(ImageScenario scenario)
    {
        FolderTrace trace = await FolderRecorder.RunAsync(Folder, Peers.Require("qemu-io"), ["-f", "qed", .. Commands(scenario.Steps), Image]);
        return trace.HistoryOf(trace.InitialNames[Image]);
    }

    /// <summary>What our engine does, on a storage that states this.</summary>
    public SimulatedFile RecordOurs(ImageScenario scenario, StorageFacts facts)
    {
        SimulatedFile file = SimulatedFile.FromHostFile(Path.Combine(Folder, Image), facts);
        CrashSubject subject = new() { Backend = new QedBackend(), CreateOptions = new ImageCreateOptions { VirtualSizeBytes = ImageScenario.GuestBytes }, Parents = scenario.Beneath };
        OneThread.Run(() =>
        {
            using ComposedImage image = new(subject.Open(file, isReadOnly: false, isRecorded: true), scenario.Beneath);
            foreach (GuestStep step in scenario.Steps)
            {
                OneThread.Complete(
                    step.IsFlush ? image.Image.FlushAsync().AsTask()
                    : step.Pattern == 0 ? image.ZeroAsync(step.Offset, step.LengthBytes, WriteFlags.None)
                    : image.WriteAsync(step.Offset, Enumerable.Repeat(step.Pattern, step.LengthBytes).ToArray(), WriteFlags.None));
            }

            image.Image.Close();
        });
        return file;
    }

    public static StateCounts Explore(SimulatedFile history, ImageJudge judge, PowerLossOptions options)
    {
        var counts = new StateCounts();
        HashSet<string> seen = [];
        IReadOnlyList<StorageOperation> operations = history.Trace;
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

    private static IEnumerable<string> Commands(GuestStep[] steps) => steps.SelectMany(step => new[] { "-c", step.ToQemuIo() });
}
