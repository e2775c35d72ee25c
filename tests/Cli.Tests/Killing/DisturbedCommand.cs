using System.Globalization;
using System.Text.RegularExpressions;
using QedVd.ChainKit;
using QedVd.Host;
using QedVd.TestKit;

namespace QedVd.Cli.Tests.Killing;

/// <summary>
/// One command on a chain, run as a process that is disturbed at the N-th call of one kind that changes files. What the guest reads must then be as it
/// was, every image sound, and the same command run again must leave what it leaves when nobody disturbs it.
/// </summary>
internal sealed partial class DisturbedCommand(ChainBench bench, CommandCase @case, TestChain pristine, string name)
{
    /// <summary>Everything that changes a file, a folder, or what is durable of them. What an architecture does not have is left out.</summary>
    private const string Calls =
        "?pwrite64,?pwritev,?pwritev2,?fdatasync,?fsync,?sync_file_range,?rename,?renameat,?renameat2,?link,?linkat,?unlink,?unlinkat,?ftruncate,?fallocate,?copy_file_range";

    private const int Killed = 137;

    private readonly string _strace = Peers.Require("strace");
    private string[] _filesAfter = [];

    /// <summary>Runs the command undisturbed, looks at what it leaves, and returns how often each call was made by the thread that made it most.</summary>
    public async Task<IReadOnlyList<(string Call, int Count)>> MeasureAsync()
    {
        TestChain chain = pristine.CopyTo(bench.NewFolder("undisturbed"));
        string log = bench["calls"];
        ToolRun run = await RunAsync(chain, ["-o", log, "-e", $"trace={Calls}"], traced: true);
        run.ShouldExitWith(0);
        @case.Apply(chain);
        await chain.ShouldHoldAsync($"{name}: undisturbed");
        _filesAfter = FilesOf(chain);
        var counts = new Dictionary<(string Thread, string Call), int>();
        foreach (Match match in (await File.ReadAllLinesAsync(log)).Select(line => CallLine().Match(line)).Where(match => match.Success))
        {
            (string, string) key = (match.Groups["thread"].Value, match.Groups["call"].Value);
            counts[key] = counts.GetValueOrDefault(key) + 1;
        }

        return [.. counts.GroupBy(pair => pair.Key.Call).Select(group => (group.Key, group.Max(pair => pair.Value))).OrderBy(pair => pair.Key, StringComparer.Ordinal)];
    }

    /// <summary>Disturbs the command once. False when it ended before the call came.</summary>
    public async Task<bool> DisturbAsync(string call, int nth, Disturbance disturbance)
    {
        string what = $"{name}: {disturbance} at {call} {nth.ToString(CultureInfo.InvariantCulture)}";
        TestChain chain = pristine.CopyTo(bench.NewFolder("disturbed"));
        string injected = disturbance switch { Disturbance.Kill => "signal=KILL", Disturbance.DeviceError => "error=EIO", _ => "error=ENOSPC" };
        ToolRun run = await RunAsync(chain, ["-o", "/dev/null", "-e", $"trace={call}", "-e", $"inject={call}:{injected}:when={nth}"], traced: true);
        bool struck = run.ExitCode != 0;
        if (disturbance == Disturbance.Kill)
        {
            Assert.True(run.ExitCode is 0 or Killed, $"{what}: ended with {run.ExitCode}\n{run.Output}\n{run.Error}");
        }
        else if (struck)
        {
            Assert.True(run.ExitCode == 1, $"{what}: ended with {run.ExitCode}\n{run.Output}\n{run.Error}");
            Assert.True(run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length == 1, $"{what}: should say one line, and said\n{run.Error}");
        }

        await ShouldReadAsBeforeAsync(chain, what);
        bool wasDone = !struck || (!@case.IsRepeatable && await IsDoneAsync(chain));
        if (!wasDone)
        {
            ToolRun again = await RunAsync(chain, [], traced: false);
            Assert.True(again.ExitCode == 0, $"{what}: run again it ended with {again.ExitCode}\n{again.Output}\n{again.Error}");
        }

        @case.Apply(chain);
        await ReclaimAsync(chain, what);
        await chain.ShouldHoldAsync($"{what}, {(wasDone ? "and it had come to its end" : "and run again")}");
        string[] files = FilesOf(chain);
        Assert.True(files.SequenceEqual(_filesAfter), $"{what}: leaves {string.Join(", ", files)} instead of {string.Join(", ", _filesAfter)}");
        return struck;
    }

    /// <summary>The disk under its old name reads as it did; where that is gone, the one that the command leaves does. No image has errors; leaks are fine.</summary>
    private async Task ShouldReadAsBeforeAsync(TestChain chain, string what)
    {
        TestChain after = After(chain);
        ChainLevel top = File.Exists(chain.Top.Path) ? chain.Top : after.Top;
        using (VirtualDisk disk = bench.Host.OpenDisk(top.Path, chain.Options with { Format = top.Format, ReadOnly = true }))
        {
            GuestBytes view = @case.ChangesSize && disk.LengthBytes == after.View.LengthBytes ? after.View : chain.View;
            await view.ShouldBeReadFromAsync(disk, what);
            disk.Close();
        }

        foreach (string file in Directory.GetFiles(FolderOf(chain), "*.qed"))
        {
            CheckReport report = await bench.Host.CheckAsync(file, request: new ImageOpenRequest { Format = "qed" });
            Assert.True(report.IsSound, $"{what}: {Path.GetFileName(file)} has {report.Corruptions} errors");
        }
    }

    /// <summary>What a killed process had taken and not yet used is a leak until somebody looks for it; more than a leak it may not be.</summary>
    private async Task ReclaimAsync(TestChain chain, string what)
    {
        foreach (ChainLevel level in chain.Levels.Where(level => level.Format != "raw"))
        {
            var request = new ImageOpenRequest { Format = level.Format };
            CheckReport report = await bench.Host.CheckAsync(level.Path, request: request);
            Assert.True(report.IsSound, $"{what}: {level.Name} has {report.Corruptions} errors when the command has run again");
            if (!report.IsClean)
            {
                await bench.Host.CheckAsync(level.Path, new CheckOptions { Repair = RepairMode.Leaks }, request);
            }
        }
    }

    /// <summary>Whether it had done all of it when it was killed: running a merge again would merge the next levels.</summary>
    private async Task<bool> IsDoneAsync(TestChain chain)
    {
        TestChain after = After(chain);
        if (!FilesOf(chain).SequenceEqual(_filesAfter))
        {
            return false;
        }

        try
        {
            await after.ShouldHoldAsync("done?");
            return true;
        }
        catch (Exception exception) when (exception is Xunit.Sdk.IAssertionException or ImageException)
        {
            return false;
        }
    }

    private TestChain After(TestChain chain)
    {
        TestChain after = chain.Clone();
        @case.Apply(after);
        return after;
    }

    private Task<ToolRun> RunAsync(TestChain chain, string[] strace, bool traced)
    {
        // Of the runtime itself as little as can be: its code is in no file of memory, it opens no door to debuggers. One thread of the pool, because
        // strace counts for each thread.
        string[] line = ["DOTNET_EnableWriteXorExecute=0", "DOTNET_EnableDiagnostics=0", "DOTNET_ThreadPool_ForceMaxWorkerThreads=1", .. traced ? [_strace, "-f", "--seccomp-bpf", "-qq", .. strace] : Array.Empty<string>(), Checkout.CommandLine, .. @case.Arguments(pristine)];
        return ToolRun.RunAsync(Peers.Require("env"), line, FolderOf(chain));
    }

    private static string FolderOf(TestChain chain) => Path.GetDirectoryName(chain.Top.Path)!;

    private string[] FilesOf(TestChain chain) => [.. Directory.GetFiles(FolderOf(chain), "*", new EnumerationOptions { AttributesToSkip = 0, RecurseSubdirectories = true }).Select(path => Path.GetRelativePath(FolderOf(chain), path)).Order(StringComparer.Ordinal)];

    [GeneratedRegex(@"^(?<thread>\d+) +(?<call>\w+)\(")]
    private static partial Regex CallLine();
}
