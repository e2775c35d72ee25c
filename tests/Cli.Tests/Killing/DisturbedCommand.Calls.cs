using System.Globalization;
using System.Text.RegularExpressions;
using QedVd.Cli.Tests.Faults;
using QedVd.TestKit;

namespace QedVd.Cli.Tests.Killing;

/// <content>With single calls that go wrong.</content>
internal sealed partial class DisturbedCommand
{
    // The runtime makes all the others too, as it starts: of them only those for the files that there are before count.
    private const string Unfiltered = "copy_file_range";

    // Where it asks, the file system is called XFS, whose files can share blocks: the kernel copies between files in memory as well.
    private static readonly string[] s_asXfs = ["-e", "inject=fstatfs:poke_exit=@arg2=4253465800000000"];

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
            if (CallBegin().Match(line) is { Success: true } match && (match.Groups["call"].Value == Unfiltered || IsOf(work, line)))
            {
                string call = match.Groups["call"].Value;
                (string, string) key = (match.Groups["thread"].Value, call);
                made[key] = made.GetValueOrDefault(key) + 1;
                IEnumerable<CallFault> faults = CallFault.All.Where(fault => fault.Call == call && line.Contains(fault.Part, StringComparison.Ordinal));
                possible.AddRange(faults.Select(fault => (fault, new CallPoint(possible.Count, call, made[key], call))));
            }
        }

        return possible.ToLookup(each => each.Fault, each => each.Point);
    }

    /// <summary>Lets a call go wrong, the N-th that one of its threads makes. False when no thread made so many, or that one was another one this time.</summary>
    public async Task<bool> FailAsync(CallFault fault, CallPoint point)
    {
        string what = string.Create(CultureInfo.InvariantCulture, $"{name}: {fault} ({fault.Result} at {point.Call} {point.Nth})");
        Work work = Copy("disturbed");
        string log = bench["faults"];
        IEnumerable<string> paths = fault.Call == Unfiltered ? s_asXfs : pristine.Files.SelectMany(file => new[] { "-P", Path.Combine(work.Folder, file) });
        ToolRun run = await RunAsync(work, ["-o", log, "-y", "-e", $"trace={fault.Call},fstatfs", .. paths, "-e", $"inject={fault.Call}:{fault.Result}:when={point.Nth}"]);
        string[] struck = Struck(await File.ReadAllLinesAsync(log), fault.Call);
        bool hasFailed = Told(run, what);
        Assert.True(!hasFailed || struck.Length > 0, $"{what}: it did not happen, and the command failed: {run.Error}");
        bool isMeant = struck.Length > 0 && struck.All(line => line.Contains(fault.Part, StringComparison.Ordinal));
        if (isMeant)
        {
            Assert.True(hasFailed || fault.Ending != CallFault.Endings.Failed, $"{what}: it ended well all the same\n{run.Output}\n{run.Error}");
            Assert.True(!hasFailed || fault.Ending != CallFault.Endings.Completed, $"{what}: it should have gone on\n{run.Output}\n{run.Error}");
        }

        await CompleteAsync(work, hasFailed, what);
        return isMeant;
    }

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
