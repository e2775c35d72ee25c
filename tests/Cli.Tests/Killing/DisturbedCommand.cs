using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
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
    private const int SigKill = 9;
    private const int HeldMicroseconds = 4000;

    // Of the runtime itself as little as can be: its code is in no file of memory, and it opens no door to debuggers. One thread of the pool, because strace
    // counts for each thread where it lets calls fail.
    private static readonly string[] s_quiet = ["DOTNET_EnableWriteXorExecute=0", "DOTNET_EnableDiagnostics=0", "DOTNET_ThreadPool_ForceMaxWorkerThreads=1"];

    private readonly string _strace = Peers.Require("strace");
    private string[] _filesAfter = [];

    /// <summary>Runs the command undisturbed, looks at what it leaves, and returns its calls in the order in which they ended.</summary>
    public async Task<IReadOnlyList<string>> MeasureAsync()
    {
        TestChain chain = Copy("undisturbed");
        string log = bench["calls"];
        ToolRun run = await RunAsync(chain, ["-o", log, "-e", $"trace={Calls}"], traced: true);
        run.ShouldExitWith(0);
        @case.Apply(chain);
        await chain.ShouldHoldAsync($"{name}: undisturbed");
        _filesAfter = FilesOf(chain);
        return [.. (await File.ReadAllLinesAsync(log)).Where(IsEndOfCall).Select(line => CallName().Match(line).Groups["call"].Value)];
    }

    /// <summary>Kills the command once so many of its calls are done, and hardly any more.</summary>
    public async Task KillAsync(int calls)
    {
        string what = $"{name}: killed after {calls.ToString(CultureInfo.InvariantCulture)} calls";
        TestChain chain = Copy("disturbed");
        bool struck = await RunUntilAsync(chain, calls);
        await CompleteAsync(chain, struck, what);
    }

    /// <summary>
    /// Lets a call fail for the command, the N-th that one of its threads makes. False when it ended well all the same: no thread made so many, or the call
    /// was one that need not succeed.
    /// </summary>
    public async Task<bool> FailAsync(string call, int nth, string error)
    {
        string what = $"{name}: {error} at {call} {nth.ToString(CultureInfo.InvariantCulture)}";
        TestChain chain = Copy("disturbed");
        ToolRun run = await RunAsync(chain, ["-o", "/dev/null", "-e", $"trace={call}", "-e", $"inject={call}:error={error}:when={nth}"], traced: true);
        bool struck = run.ExitCode != 0;
        if (struck)
        {
            Assert.True(run.ExitCode == 1, $"{what}: ended with {run.ExitCode}\n{run.Output}\n{run.Error}");
            Assert.True(run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length == 1, $"{what}: should say one line, and said\n{run.Error}");
        }

        await CompleteAsync(chain, struck, what);
        return struck;
    }

    /// <summary>Looks at what was left, and runs the command again, undisturbed.</summary>
    private async Task CompleteAsync(TestChain chain, bool struck, string what)
    {
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
        if (@case.Makes is not null)
        {
            await @case.Makes(chain).ShouldHoldAsync($"{what}: what it makes");
        }

        string[] files = FilesOf(chain);
        Assert.True(files.SequenceEqual(_filesAfter), $"{what}: leaves {string.Join(", ", files)} instead of {string.Join(", ", _filesAfter)}");
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
            await ReclaimAsync(after, "done?");
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

    /// <summary>
    /// Runs the command until so many of its calls have ended, counted over all threads, and kills it then: after each call strace holds the thread up, so that
    /// the signal comes before the next. False when it came to its end.
    /// </summary>
    private async Task<bool> RunUntilAsync(TestChain chain, int calls)
    {
        string[] line = Line(["-e", $"trace={Calls}", "-e", $"inject={Calls}:delay_exit={HeldMicroseconds}"]);
        var start = new ProcessStartInfo(Peers.Require("env"), line) { RedirectStandardError = true, RedirectStandardOutput = true, WorkingDirectory = FolderOf(chain) };
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        int seen = 0;
        while (await process.StandardError.ReadLineAsync() is { } said)
        {
            if (IsEndOfCall(said) && ++seen == calls)
            {
                // strace writes the number of the thread in front, once there is more than one.
                Match thread = Thread().Match(said);
                _ = kill(int.Parse(thread.Groups["thread"].Value, CultureInfo.InvariantCulture), SigKill);
            }
        }

        await process.WaitForExitAsync();
        await output;
        Assert.True(process.ExitCode is 0 or Killed, $"{name}: ended with {process.ExitCode}");
        return process.ExitCode == Killed;
    }

    private Task<ToolRun> RunAsync(TestChain chain, string[] strace, bool traced) =>
        ToolRun.RunAsync(Peers.Require("env"), traced ? Line(strace) : [.. s_quiet, Checkout.CommandLine, .. @case.Arguments(pristine)], FolderOf(chain));

    private string[] Line(string[] strace) =>
        [.. s_quiet, _strace, "-f", "--seccomp-bpf", "-qq", .. strace, Checkout.CommandLine, .. @case.Arguments(pristine)];

    private static bool IsEndOfCall(string line) => CallName().IsMatch(line) && !line.EndsWith("<unfinished ...>", StringComparison.Ordinal);

    private TestChain Copy(string name)
    {
        string folder = bench.NewFolder(name);
        if (@case.Folder is not null)
        {
            Directory.CreateDirectory(Path.Combine(folder, @case.Folder));
        }

        return pristine.CopyTo(folder);
    }

    private static string FolderOf(TestChain chain) => Path.GetDirectoryName(chain.Top.Path)!;

    private string[] FilesOf(TestChain chain) => [.. Directory.GetFiles(FolderOf(chain), "*", new EnumerationOptions { AttributesToSkip = 0, RecurseSubdirectories = true }).Select(path => Path.GetRelativePath(FolderOf(chain), path)).Order(StringComparer.Ordinal)];

    [GeneratedRegex(@"^(\[pid +)?(?<thread>\d+)\]? +(<\.\.\. )?(?<call>\w+)(\(| resumed)")]
    private static partial Regex CallName();

    [GeneratedRegex(@"(?<thread>\d+)")]
    private static partial Regex Thread();

    [LibraryImport("libc")]
    private static partial int kill(int process, int signal);
}
