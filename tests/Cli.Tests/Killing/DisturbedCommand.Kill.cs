using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using QedVd.TestKit;

namespace QedVd.Cli.Tests.Killing;

/// <content>Killed at one of its calls.</content>
internal sealed partial class DisturbedCommand
{
    private const int PollMs = 10;

    // Long enough that no machine is too slow to kill it meanwhile.
    private const int HeldMicroseconds = 100_000_000;

    /// <summary>
    /// Kills the command at a call, the N-th that one of its threads makes, and which it does not make any more: strace holds it there until the signal comes.
    /// Only this way strace may keep out of all other calls; a signal of its own does not come through then. Returns the call's kind; null: it ended by itself.
    /// </summary>
    public async Task<string?> KillAsync(CallPoint point)
    {
        string what = string.Create(CultureInfo.InvariantCulture, $"{name}: killed at {point.Call} {point.Nth}");
        Work work = Copy("disturbed");
        string log = bench["held"];
        string[] line = Line(["--seccomp-bpf", "-o", log, "-y", .. Trace(point.Call), "-e", string.Create(CultureInfo.InvariantCulture, $"inject={point.Call}:delay_enter={HeldMicroseconds}:when={point.Nth}")]);
        File.Delete(log);
        using Process process = Start(line, work.Folder);
        Task<string>[] said = [process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync()];
        Task ended = process.WaitForExitAsync();
        string? killed = null;
        long seenBytes = 0;
        while (killed is null && await Task.WhenAny(ended, Task.Delay(PollMs)) != ended)
        {
            var file = new FileInfo(log);
            if (!file.Exists || file.Length == seenBytes)
            {
                continue;
            }

            seenBytes = file.Length;
            if (HeldCall(log, point) is { } held)
            {
                killed = KindOf(point.Call, held.Value);
                int number = ProcessOf(held.Groups["thread"].Value);
                using var command = Process.GetProcessById(number);
                command.Kill();
                while (IsAlive(number))
                {
                    await Task.Delay(PollMs);
                }

                // It would go on waiting for the time that it was to hold the call.
                process.Kill();
            }
        }

        await ended;
        Assert.True(process.ExitCode == (killed is null ? 0 : Killed), $"{what}: ended with {process.ExitCode}\n{await said[0]}\n{await said[1]}");
        await CompleteAsync(work, killed is not null, what);
        return killed;
    }

    private static Process Start(string[] line, string folder) => Process.Start(new ProcessStartInfo(Peers.Require("env"), line)
    {
        RedirectStandardOutput = true,
        RedirectStandardError = true,
        WorkingDirectory = folder,
    })!;

    /// <summary>The n-th call of a name that a thread is about to make, where there is one.</summary>
    private static Match? HeldCall(string log, CallPoint point)
    {
        using var file = new FileStream(log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var reader = new StreamReader(file);
        Dictionary<string, int> made = [];
        foreach (Match match in CallBegin().Matches(reader.ReadToEnd()).Where(match => match.Groups["call"].Value == point.Call))
        {
            string thread = match.Groups["thread"].Value;
            made[thread] = made.GetValueOrDefault(thread) + 1;
            if (made[thread] == point.Nth)
            {
                return match;
            }
        }

        return null;
    }

    private static int ProcessOf(string thread)
    {
        const string Field = "Tgid:";
        string line = File.ReadLines($"/proc/{thread}/status").First(line => line.StartsWith(Field, StringComparison.Ordinal));
        return int.Parse(line[Field.Length..], CultureInfo.InvariantCulture);
    }

    /// <summary>False when it holds nothing any more, whether anybody has asked how it ended or not.</summary>
    private static bool IsAlive(int process)
    {
        try
        {
            return File.ReadAllText($"/proc/{process}/stat").Split(')')[^1].TrimStart()[0] is not ('Z' or 'X');
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    [GeneratedRegex(@"^(?<thread>\d+) +(?<call>\w+)\(.*", RegexOptions.Multiline)]
    private static partial Regex CallBegin();
}
