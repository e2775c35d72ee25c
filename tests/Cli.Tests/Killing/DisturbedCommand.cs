using System.Globalization;
using System.Text.RegularExpressions;
using QedVd.ChainKit;
using QedVd.TestKit;

namespace QedVd.Cli.Tests.Killing;

/// <summary>
/// One command on a chain, run as a process that is disturbed at the N-th call of one kind that changes files. What the guest reads must then be as it
/// was or as it will be, every image sound, and the same command run again must leave what it leaves when nobody disturbs it.
/// </summary>
internal sealed partial class DisturbedCommand(ChainBench bench, CommandCase @case, Work pristine, string name)
{
    /// <summary>Everything that changes a file, a folder, or what is durable of them. What an architecture does not have is left out.</summary>
    private const string Calls =
        "?pwrite64,?pwritev,?pwritev2,?fdatasync,?fsync,?sync_file_range,?rename,?renameat,?renameat2,?link,?linkat,?unlink,?unlinkat,?ftruncate,?fallocate,?copy_file_range";

    private const int Interrupted = 130;
    private const int Killed = 137;
    private const int Terminated = 143;

    // No command may end well then and say nothing. Others may be tried again, as a table that could not be written back is, or done in another way.
    private static readonly string[] s_mustSucceed = ["fdatasync", "fsync"];

    // Of the runtime itself as little as can be: its code is in no file of memory, it opens no door to debuggers, and counts nothing to become faster later.
    // One thread of the pool, because strace counts for each thread where it lets calls fail.
    private static readonly string[] s_quiet = ["DOTNET_EnableWriteXorExecute=0", "DOTNET_EnableDiagnostics=0", "DOTNET_TieredPGO=0", "DOTNET_ThreadPool_ForceMaxWorkerThreads=1"];

    private readonly string _strace = Peers.Require("strace");

    // Files that share blocks do so only where the file system is taken for one that can.
    private readonly bool _shares = @case == CommandCases.Sharing;
    private string[] _filesAfter = [];
    private GuestBytes? _adopted;

    /// <summary>The program; another one than ours is to be found out.</summary>
    public string Program { get; set; } = Checkout.CommandLine;

    /// <summary>Done to what the command has left, before anybody looks at it: to see that it is found out.</summary>
    public Action<Work>? Spoils { get; set; }

    private IEnumerable<string> Arguments => @case.Arguments(pristine.Chain).Select(argument => argument.TrimStart('@'));

    /// <summary>Runs the command undisturbed, looks at what it leaves, and returns its calls in the order in which they ended.</summary>
    public async Task<IReadOnlyList<CallPoint>> MeasureAsync()
    {
        Work work = Copy("undisturbed");
        string log = bench["calls"];
        ToolRun run = await RunAsync(work, ["-o", log, "-y", .. Trace(Calls)]);
        await LearnAsync(work, run);
        return Points(await File.ReadAllLinesAsync(log));
    }

    /// <summary>
    /// Asks the command to stop, by a signal as it makes a call, the N-th that one of its threads makes. Without the filter that spares strace the other calls:
    /// with it, not every thread gets the signal. Returns whether it stopped.
    /// </summary>
    public async Task<bool> StopAsync(CallPoint point, string signal)
    {
        string what = string.Create(CultureInfo.InvariantCulture, $"{name}: {signal} at {point.Call} {point.Nth}");
        Work work = Copy("disturbed");
        ToolRun run = await RunAsync(work, ["-o", "/dev/null", "-e", $"trace={point.Call}", "-e", $"inject={point.Call}:signal={signal}:when={point.Nth}"], seccomp: false);
        Assert.True(run.ExitCode is 0 or Interrupted or Terminated, $"{what}: ended with {run.ExitCode}\n{run.Output}\n{run.Error}");
        await CompleteAsync(work, run.ExitCode != 0, what);
        return run.ExitCode != 0;
    }

    /// <summary>
    /// Lets a call fail for the command, the N-th that one of its threads makes. Returns its kind; null when no thread made so many.
    /// </summary>
    public async Task<string?> FailAsync(CallPoint point, string error)
    {
        string what = string.Create(CultureInfo.InvariantCulture, $"{name}: {error} at {point.Call} {point.Nth}");
        Work work = Copy("disturbed");
        string log = bench["faults"];
        ToolRun run = await RunAsync(work, ["-o", log, "-y", .. Trace(point.Call), "-e", $"inject={point.Call}:error={error}:when={point.Nth}"]);
        string? struck = Struck(await File.ReadAllLinesAsync(log), point.Call).FirstOrDefault();
        bool hasFailed = Told(run, what);
        Assert.True(!hasFailed || struck is not null, $"{what}: it did not happen, and the command failed: {run.Error}");
        Assert.True(hasFailed || struck is null || !s_mustSucceed.Contains(point.Call), $"{what}: it ended well all the same\n{run.Output}\n{run.Error}");

        // What could not be deleted is left: that is no failure, and the next run tries again.
        bool isLeft = struck is not null && !hasFailed && point.Call.StartsWith("unlink", StringComparison.Ordinal);
        await CompleteAsync(work, hasFailed || isLeft, what);
        return struck is null ? null : KindOf(point.Call, struck);
    }

    private Task<ToolRun> RunAsync(Work work, string[] strace, bool seccomp = true) =>
        ToolRun.RunAsync(Peers.Require("env"), Line(seccomp ? ["--seccomp-bpf", .. strace] : strace), work.Folder);

    private string[] Line(string[] strace) =>
        [.. s_quiet, _strace, "-f", "-qq", .. strace, Program, .. Arguments];

    private Work Copy(string folder) => pristine.CopyTo(bench, bench.NewFolder(folder));

    private string[] Trace(string calls) => _shares ? ["-e", $"trace={calls},fstatfs", .. s_asXfs] : ["-e", $"trace={calls}"];

    private static IReadOnlyList<CallPoint> Points(IEnumerable<string> lines)
    {
        Dictionary<(string Thread, string Call), int> made = [];
        Dictionary<string, string> begun = [];
        List<CallPoint> points = [];
        foreach (string line in lines)
        {
            if (CallBegin().Match(line) is { Success: true } begin)
            {
                begun[begin.Groups["thread"].Value] = line;
            }

            string call = CallName().Match(line).Groups["call"].Value;
            if (IsEndOfCall(line) && call != "fstatfs")
            {
                string thread = CallName().Match(line).Groups["thread"].Value;
                made[(thread, call)] = made.GetValueOrDefault((thread, call)) + 1;
                points.Add(new CallPoint(points.Count + 1, call, made[(thread, call)], KindOf(call, begun[thread])));
            }
        }

        return points;
    }

    private static string KindOf(string call, string line) => FileOf().Match(line) is { Success: true } match && Directory.Exists(match.Groups["path"].Value) ? $"{call} of a folder" : call;

    private static bool IsEndOfCall(string line) => CallName().IsMatch(line) && !line.EndsWith("<unfinished ...>", StringComparison.Ordinal);

    [GeneratedRegex(@"^(\[pid +)?(?<thread>\d+)\]? +(<\.\.\. )?(?<call>\w+)(\(| resumed)")]
    private static partial Regex CallName();

    [GeneratedRegex(@"^\d+ +\w+\(\d+<(?<path>[^>]*)>")]
    private static partial Regex FileOf();
}
