using System.Globalization;
using System.Text.RegularExpressions;
using QedVd.Cli.Tests.Faults;
using QedVd.TestKit;

namespace QedVd.Cli.Tests.Killing;

/// <content>With single calls that go wrong.</content>
internal sealed partial class DisturbedCommand
{
    // Where it asks, the file system is called XFS, whose files can share blocks: the kernel copies between files in memory as well.
    private static readonly string[] s_asXfs = ["-e", "inject=fstatfs:poke_exit=@arg2=4253465800000000"];

    /// <summary>How often it was killed behind a fault.</summary>
    public int KillsBehind { get; private set; }

    /// <summary>Runs the command undisturbed, looks at what it leaves, and returns at which calls on its files each fault can happen.</summary>
    public async Task<ILookup<CallFault, CallPoint>> MeasureCallsAsync()
    {
        Work work = Copy("undisturbed");
        string log = bench["calls"];
        string calls = string.Join(',', CallFault.All.Select(fault => fault.Call).Distinct());
        await LearnAsync(work, await RunAsync(work, ["-o", log, "-y", "-e", $"trace={calls},fstatfs", .. s_asXfs]));
        Dictionary<(string Thread, string Call), int> made = [];
        List<(CallFault Fault, CallPoint Point)> possible = [];
        foreach (string line in await File.ReadAllLinesAsync(log))
        {
            if (CallBegin().Match(line) is not { Success: true } match)
            {
                continue;
            }

            string call = match.Groups["call"].Value;
            CallFault[] faults = [.. CallFault.All.Where(fault => fault.Call == call)];
            if (faults.Length == 0 || (faults[0].IsOfFilesThatThereAre && !IsOf(work, line)))
            {
                continue;
            }

            (string, string) key = (match.Groups["thread"].Value, call);
            made[key] = made.GetValueOrDefault(key) + 1;
            possible.AddRange(faults.Where(fault => IsMeant(work, fault, line)).Select(fault => (fault, new CallPoint(possible.Count, call, made[key], call))));
        }

        return possible.ToLookup(each => each.Fault, each => each.Point);
    }

    /// <summary>
    /// Lets a call go wrong, the N-th that one of its threads makes, or all from it on. False when no thread made so many, or that one was another one this time.
    /// </summary>
    /// <param name="random">Draws the call at which the process is killed behind it, where it is.</param>
    public async Task<bool> FailAsync(CallFault fault, CallPoint point, FaultMode mode, Random random)
    {
        string what = string.Create(CultureInfo.InvariantCulture, $"{name}: {fault} ({fault.Result} at {point.Call} {point.Nth}, {mode})");
        Work work = Copy("disturbed");
        string log = bench["faults"];
        string[] inject = Injecting(work, fault, point, mode);
        ToolRun run = await RunAsync(work, ["-o", log, "-y", .. inject]);
        string[] lines = await File.ReadAllLinesAsync(log);
        string[] struck = Struck(lines, fault.Call);
        bool hasFailed = Told(run, what);
        Assert.True(!hasFailed || struck.Length > 0, $"{what}: it did not happen, and the command failed: {run.Error}");

        // Once it goes on going wrong, others do.
        bool isMeant = struck.Length > 0 && struck.Take(mode == FaultMode.Sticky ? 1 : struck.Length).All(line => IsMeant(work, fault, line));
        if (isMeant)
        {
            Assert.True(hasFailed || fault.Ending != CallFault.Endings.Failed, $"{what}: it ended well all the same\n{run.Output}\n{run.Error}");
            Assert.True(!hasFailed || fault.Ending != CallFault.Endings.Completed, $"{what}: it should have gone on\n{run.Output}\n{run.Error}");
        }

        ShouldNameAFile(run, work, what);
        await CompleteAsync(work, hasFailed, what, fault.MayLeaveFiles);
        if (mode == FaultMode.ThenKilled && isMeant)
        {
            await KillBehindAsync(fault, inject, CallsBehind(lines, fault), what, random);
        }

        return isMeant;
    }

    /// <summary>What strace is told, and what it watches where the process is to be killed.</summary>
    private string[] Injecting(Work work, CallFault fault, CallPoint point, FaultMode mode)
    {
        IEnumerable<string> paths = fault.IsOfFilesThatThereAre ? pristine.Files.SelectMany(file => new[] { "-P", Path.Combine(work.Folder, file) }) : s_asXfs;
        string calls = mode == FaultMode.ThenKilled ? $"{fault.Call},fstatfs,{Calls}" : $"{fault.Call},fstatfs";
        string when = string.Create(CultureInfo.InvariantCulture, $"{point.Nth}{(mode == FaultMode.Sticky ? "+" : "")}");
        return ["-e", $"trace={calls}", .. paths, "-e", $"inject={fault.Call}:{fault.Result}:when={when}"];
    }

    /// <summary>The same again, and the process is killed as it makes one of the calls that it made behind it before.</summary>
    private async Task KillBehindAsync(CallFault fault, string[] inject, CallPoint[] behind, string what, Random random)
    {
        if (behind.Length == 0)
        {
            return;
        }

        CallPoint last = behind[random.Next(behind.Length)];
        string then = string.Create(CultureInfo.InvariantCulture, $"{what}, then killed at {last.Call} {last.Nth}");
        Work work = Copy("disturbed");
        string kill = string.Create(CultureInfo.InvariantCulture, $"inject={last.Call}:signal=KILL:when={last.Nth}");
        ToolRun run = await RunAsync(work, ["-o", "/dev/null", .. inject, "-e", kill], seccomp: false);
        bool wasKilled = run.ExitCode == Killed;
        KillsBehind += wasKilled ? 1 : 0;
        await CompleteAsync(work, wasKilled || Told(run, then), then, fault.MayLeaveFiles);
    }

    /// <summary>The calls of other names that were made once it had gone wrong.</summary>
    private static CallPoint[] CallsBehind(string[] lines, CallFault fault)
    {
        Dictionary<(string Thread, string Call), int> made = [];
        List<CallPoint> behind = [];
        bool isBehind = false;
        foreach (string line in lines)
        {
            if (CallBegin().Match(line) is { Success: true } match)
            {
                string call = match.Groups["call"].Value;
                (string, string) key = (match.Groups["thread"].Value, call);
                made[key] = made.GetValueOrDefault(key) + 1;
                if (isBehind && call != fault.Call && call != "fstatfs")
                {
                    behind.Add(new CallPoint(behind.Count, call, made[key], call));
                }
            }

            isBehind |= line.EndsWith("(INJECTED)", StringComparison.Ordinal) && CallName().Match(line).Groups["call"].Value == fault.Call;
        }

        return [.. behind];
    }

    private bool IsMeant(Work work, CallFault fault, string line) =>
        line.Contains(fault.Part, StringComparison.Ordinal) && (fault.IsOfFilesThatThereAre || line.Contains(work.Folder, StringComparison.Ordinal));

    private bool IsOf(Work work, string line) => pristine.Files.Any(file => line.Contains($"<{Path.Combine(work.Folder, file)}>", StringComparison.Ordinal));

    /// <summary>How the calls began that went wrong: each thread may have an N-th.</summary>
    private static string[] Struck(string[] lines, string call)
    {
        List<string> struck = [];
        Dictionary<string, string> begun = [];
        foreach (string line in lines)
        {
            if (CallBegin().Match(line) is { Success: true } match && match.Groups["call"].Value == call)
            {
                begun[match.Groups["thread"].Value] = line;
            }

            if (line.EndsWith("(INJECTED)", StringComparison.Ordinal) && CallName().Match(line) is { } end && end.Groups["call"].Value == call)
            {
                struck.Add(begun[end.Groups["thread"].Value]);
            }
        }

        return [.. struck];
    }
}
