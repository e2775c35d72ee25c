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
    private string[] _filesAfter = [];
    private GuestBytes? _adopted;

    private IEnumerable<string> Arguments => @case.Arguments(pristine.Chain).Select(argument => argument.TrimStart('@'));

    /// <summary>Runs the command undisturbed, looks at what it leaves, and returns its calls in the order in which they ended.</summary>
    public async Task<IReadOnlyList<CallPoint>> MeasureAsync()
    {
        Work work = Copy("undisturbed");
        string log = bench["calls"];
        ToolRun run = await RunAsync(work, ["-o", log, "-e", $"trace={Calls}"]);
        await LearnAsync(work, run);
        return Points(await File.ReadAllLinesAsync(log));
    }

    /// <summary>
    /// Asks the command to stop, by a signal as it makes a call, the N-th that one of its threads makes. Without the filter that spares strace the other calls:
    /// with it, not every thread gets the signal.
    /// </summary>
    public async Task<Outcome> StopAsync(CallPoint point, string signal)
    {
        string what = string.Create(CultureInfo.InvariantCulture, $"{name}: {signal} at {point.Call} {point.Nth}");
        Work work = Copy("disturbed");
        ToolRun run = await RunAsync(work, ["-o", "/dev/null", "-e", $"trace={point.Call}", "-e", $"inject={point.Call}:signal={signal}:when={point.Nth}"], seccomp: false);
        Outcome outcome = run.ExitCode switch
        {
            0 => Outcome.Ended,
            Interrupted or Terminated => Outcome.Stopped,
            _ => throw new InvalidOperationException($"{what}: ended with {run.ExitCode}\n{run.Output}\n{run.Error}"),
        };
        await CompleteAsync(work, outcome != Outcome.Ended, what);
        return outcome;
    }

    /// <summary>
    /// Lets a call fail for the command, the N-th that one of its threads makes. False when no thread made so many.
    /// </summary>
    public async Task<bool> FailAsync(CallPoint point, string error)
    {
        string what = string.Create(CultureInfo.InvariantCulture, $"{name}: {error} at {point.Call} {point.Nth}");
        Work work = Copy("disturbed");
        string log = bench["faults"];
        ToolRun run = await RunAsync(work, ["-o", log, "-e", $"trace={point.Call}", "-e", $"inject={point.Call}:error={error}:when={point.Nth}"]);
        bool hasStruck = (await File.ReadAllTextAsync(log)).Contains("(INJECTED)", StringComparison.Ordinal);
        bool hasFailed = Told(run, what);
        Assert.True(!hasFailed || hasStruck, $"{what}: it did not happen, and the command failed: {run.Error}");
        Assert.True(hasFailed || !hasStruck || !s_mustSucceed.Contains(point.Call), $"{what}: it ended well all the same\n{run.Output}\n{run.Error}");
        await CompleteAsync(work, hasFailed, what);
        return hasStruck;
    }

    private Task<ToolRun> RunAsync(Work work, string[] strace, bool seccomp = true) =>
        ToolRun.RunAsync(Peers.Require("env"), Line(seccomp ? ["--seccomp-bpf", .. strace] : strace), work.Folder);

    private string[] Line(string[] strace) =>
        [.. s_quiet, _strace, "-f", "-qq", .. strace, Checkout.CommandLine, .. Arguments];

    private Work Copy(string folder) => pristine.CopyTo(bench, bench.NewFolder(folder));

    private static IReadOnlyList<CallPoint> Points(IEnumerable<string> lines)
    {
        Dictionary<(string Thread, string Call), int> made = [];
        List<CallPoint> points = [];
        foreach (Match match in lines.Where(IsEndOfCall).Select(line => CallName().Match(line)))
        {
            string call = match.Groups["call"].Value;
            (string, string) key = (match.Groups["thread"].Value, call);
            made[key] = made.GetValueOrDefault(key) + 1;
            points.Add(new CallPoint(points.Count + 1, call, made[key]));
        }

        return points;
    }

    private static bool IsEndOfCall(string line) => CallName().IsMatch(line) && !line.EndsWith("<unfinished ...>", StringComparison.Ordinal);

    [GeneratedRegex(@"^(\[pid +)?(?<thread>\d+)\]? +(<\.\.\. )?(?<call>\w+)(\(| resumed)")]
    private static partial Regex CallName();
}
