using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;
using QedVd.Hostile.Tests.Cases;
using QedVd.TestKit;

namespace QedVd.Hostile.Tests.Verbs;

/// <summary>
/// Runs a verb as a process of its own, with little memory, few handles and little processor time, and sees from outside which files it opens.
/// </summary>
/// <remarks>
/// Processor time and not the clock: how long a run takes on a busy machine says nothing. 2 s are ten times what a start takes; the clock only ends what hangs.
/// </remarks>
internal sealed partial class LimitedProcess(CaseFolder folder)
{
    /// <summary>256 MiB.</summary>
    private const string HeapLimit = "0x10000000";

    /// <summary>The runtime keeps two handles for each assembly, up to 70 in all in a plain build (seen in /proc/PID/fd); that leaves ten for the images.</summary>
    public const int UsualHandles = 80;

    private static readonly TimeSpan s_hangs = TimeSpan.FromSeconds(100);

    private readonly string _trace = Path.Combine(folder.Root, "trace");

    /// <summary>What is wrong with what it did, beside its answer.</summary>
    public List<string> Wrong { get; } = [];

    public VerbOutcome Run(VerbLine line, string image, string[] arguments, int handles)
    {
        Wrong.Clear();
        string cpuSeconds = line.Verb is "info" or "probe" ? "2" : "20";
        // Not opened by the runtime then: a pipe and a socket for debuggers.
        const string Script = "ulimit -n \"$1\"; ulimit -t \"$2\"; export DOTNET_GCHeapHardLimit=\"$3\" DOTNET_EnableDiagnostics=0; trace=$4; shift 4; exec strace -f --seccomp-bpf -qq -y -e signal=none -o \"$trace\" -e trace=open,openat,openat2,creat,connect,execve \"$@\"";
        ToolRun run = SyncIo.Complete(new ValueTask<ToolRun>(ToolRun.RunAsync(
            "/bin/bash", ["-c", Script, "limited", handles.ToString(CultureInfo.InvariantCulture), cpuSeconds, HeapLimit, _trace, Checkout.CommandLine, .. arguments], folder.Out, s_hangs)));
        LookAt(line, image);
        return new VerbOutcome(run.ExitCode, run.Output, run.Error);
    }

    private void LookAt(VerbLine line, string image)
    {
        Dictionary<string, string> unfinished = [];
        int opened = 0;
        foreach (string text in File.ReadLines(_trace))
        {
            string pid = text[..text.IndexOf(' ', StringComparison.Ordinal)];
            if (text.EndsWith("<unfinished ...>", StringComparison.Ordinal))
            {
                unfinished[pid] = text;
                continue;
            }

            string call = text.Contains("resumed>", StringComparison.Ordinal) ? unfinished.GetValueOrDefault(pid) + text : text;
            if (call.Contains("connect(", StringComparison.Ordinal) || (call.Contains("execve(", StringComparison.Ordinal) && !call.Contains(Checkout.CommandLine, StringComparison.Ordinal)))
            {
                Wrong.Add($"not allowed: {call}");
            }
            else if (Opened().Match(call) is { Success: true } match && !call.Contains("O_PATH", StringComparison.Ordinal))
            {
                opened++;
                string path = Unescape(match.Groups[1].Value);
                // What the user names is opened, wherever a link leads, and looked at by its handle.
                if (!Unescape(call).Contains($"\"{folder[image]}\"", StringComparison.Ordinal) && !MayOpen(line, image, path))
                {
                    Wrong.Add($"opened what it may not: {call}");
                }
            }
        }

        Assert.True(opened > 10, "strace has seen nothing.");
    }

    /// <param name="line">Who opens.</param>
    /// <param name="image">The file that it was given.</param>
    /// <param name="path">What was opened in the end, links followed, as the kernel names it.</param>
    private bool MayOpen(VerbLine line, string image, string path)
    {
        if (path.StartsWith(folder.Root, StringComparison.Ordinal))
        {
            // Who only describes an image, or checks it, leaves what it names alone; new names, temporary ones and files without any are made beside it.
            bool isAlone = line.Need is Need.Probe or Need.Header or Need.AsQed or Need.Check or Need.Repair or Need.Pieces;
            return !path.StartsWith(folder.Outside, StringComparison.Ordinal)
                && (!isAlone || !path.StartsWith(folder.In + "/", StringComparison.Ordinal) || Path.GetFileName(path) == image || path.Contains("new.qed", StringComparison.Ordinal) || path.Contains("/.", StringComparison.Ordinal) || path.Contains("/#", StringComparison.Ordinal));
        }

        return path.StartsWith(s_runtime, StringComparison.Ordinal) || path.StartsWith(Checkout.OutputOf("QedVd.Cli"), StringComparison.Ordinal) || OfTheSystem().IsMatch(path);
    }

    /// <summary>strace prints bytes that are no printable ASCII as C does.</summary>
    private static string Unescape(string text)
    {
        if (!text.Contains('\\', StringComparison.Ordinal))
        {
            return text;
        }

        List<byte> bytes = [];
        foreach (Match match in Escaped().Matches(text))
        {
            string piece = match.Value;
            bytes.AddRange(piece switch
            {
                "\\n" => [(byte)'\n'],
                "\\t" => [(byte)'\t'],
                "\\r" => [(byte)'\r'],
                ['\\', >= '0' and <= '7', ..] => [(byte)Convert.ToInt32(piece[1..], 8)],
                ['\\', var other] => [(byte)other],
                _ => Encoding.UTF8.GetBytes(piece),
            });
        }

        return Encoding.UTF8.GetString([.. bytes]);
    }

    [GeneratedRegex(@"\\[0-7]{1,3}|\\.|[^\\]+")]
    private static partial Regex Escaped();

    private static readonly string s_runtime = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", ".."));

    [GeneratedRegex(@"(?:open|openat|openat2|creat)[( ].* = \d+<(.*?)>(?:\(deleted\))?$", RegexOptions.Singleline)]
    private static partial Regex Opened();

    [GeneratedRegex(@"^(/usr)?/lib(64)?/|^/etc/(ld\.so\.cache|localtime)$|^/sys/|^/dev/(u?random|null)$|^/dev/shm/clr|^/memfd:|^/proc/(meminfo|fs/.*|cpuinfo|filesystems|sys/.*)$|^/proc/(self|\d+)/(maps|mountinfo|cgroup|status|statm?|limits|fd|task/\d+/comm)$|^/usr/share/zoneinfo")]
    private static partial Regex OfTheSystem();
}
