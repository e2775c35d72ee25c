using System.Globalization;
using QedVd.Hostile.Tests.Cases;
using QedVd.TestKit;

namespace QedVd.Hostile.Tests.Verbs;

/// <summary>Runs a verb as a process of its own, with little memory, few handles and little time, and sees from outside what it does to which files.</summary>
/// <remarks>
/// Two limits of time: processor time, of which 2 s are ten times what a start takes, whatever else the machine does; and the clock, for what waits and costs none. What
/// hangs on a FIFO hangs for ever: ten seconds tell it from a machine that is busy.
/// </remarks>
internal sealed class LimitedProcess(CaseFolder folder, string? program = null)
{
    /// <summary>The runtime keeps two handles for each assembly, up to 70 in all in a plain build (seen in /proc/PID/fd); that leaves ten for the images.</summary>
    public const int UsualHandles = 80;

    private const int SecondsAtMost = 100;

    private readonly string _program = program ?? Checkout.CommandLine;
    private readonly string _trace = Path.Combine(folder.Root, "trace");

    /// <summary>What the runtime may take for objects.</summary>
    public int HeapBytes { get; init; } = 256 << 20;

    /// <summary>How long, by the clock, what answers at once may take.</summary>
    public int SecondsAtOnce { get; init; } = 10;

    /// <summary>What is wrong with what it did, beside its answer.</summary>
    public List<string> Wrong { get; } = [];

    public VerbOutcome Run(HostileCase of, VerbLine line, string[] arguments)
    {
        Wrong.Clear();
        bool isQuick = line.Verb is "info" or "probe";
        int[] limits = [of.Handles, isQuick ? 2 : 20, isQuick || of.CouldBlock ? SecondsAtOnce : SecondsAtMost];
        // Not opened by the runtime then: a pipe and a socket for debuggers.
        const string Script = "ulimit -n \"$1\"; ulimit -t \"$2\"; export DOTNET_GCHeapHardLimit=\"$4\" DOTNET_EnableDiagnostics=0; trace=$5; limit=$3; shift 5; exec timeout -s KILL \"$limit\" strace -f --seccomp-bpf -qq -y -e signal=none -o \"$trace\" -e trace=%file,connect,execve \"$@\"";
        ToolRun run = SyncIo.Complete(new ValueTask<ToolRun>(ToolRun.RunAsync(
            "/bin/bash", ["-c", Script, "limited", .. limits.Select(limit => limit.ToString(CultureInfo.InvariantCulture)), $"0x{HeapBytes:x}", _trace, _program, .. arguments], folder.Out)));
        const int Killed = 128 + 9;
        if (run.ExitCode == Killed)
        {
            Wrong.Add($"was still running after {limits[^1]} s, or for {limits[1]} s of processor time");
        }

        var policy = new FilePolicy(folder, line, of.File, _program);
        FileCall[] calls = [.. FileCall.Read(File.ReadLines(_trace), folder.Out)];
        Assert.True(calls.Length > 0 && calls[0].Files[0] == (FileUse.Run, _program), "strace has not seen the program start.");
        Wrong.AddRange(calls.Select(policy.Forbidden).OfType<string>());
        return new VerbOutcome(run.ExitCode, run.Output, run.Error);
    }
}
