using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace QedVd.Bench.Peers;

/// <summary>Runs the commands of a comparison in turn (A B C, B C A, ...), so that a noisy moment of the machine hits all of them.</summary>
internal static partial class PeerRunner
{
    private const int CheckLeaks = 3;

    public static PeerResult Run(PeerWork work, int runs, string folder)
    {
        Dictionary<string, List<double>> seconds = work.Commands.ToDictionary(c => c.Label, _ => new List<double>());
        Dictionary<string, List<double>> starts = work.Commands.ToDictionary(c => c.Label, _ => new List<double>());

        // Round 0 warms the page cache and is not counted.
        for (int round = 0; round <= runs; round++)
        {
            for (int i = 0; i < work.Commands.Count; i++)
            {
                (string label, string[] command) = work.Commands[(i + round) % work.Commands.Count];
                work.Setup?.Invoke();
                double start = work.Start is { } startOf ? RunWhole(startOf(command), folder, work.MayFindLeaks) : 0;
                double taken = work.IsWholeProcess ? RunWhole(command, folder, work.MayFindLeaks) : RunOnce(command, folder);
                if (round > 0)
                {
                    seconds[label].Add(taken);
                    starts[label].Add(start);
                }
            }
        }

        return new PeerResult(work, seconds.ToDictionary(s => s.Key, s => Median(s.Value) - Median(starts[s.Key])));
    }

    public static string RunTool(string[] command, string folder, bool mayFindLeaks = false)
    {
        ProcessStartInfo start = new(command[0], command[1..]) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 || (mayFindLeaks && process.ExitCode == CheckLeaks)
            ? output
            : throw new InvalidOperationException($"{string.Join(' ', command)} ended with {process.ExitCode}: {error.GetAwaiter().GetResult()}");
    }

    private static double RunOnce(string[] command, string folder)
    {
        string output = RunTool(command, folder);
        Match match = Completed().Match(output);
        return match.Success
            ? double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)
            : throw new InvalidOperationException($"{string.Join(' ', command)} did not say how long it took: {output}");
    }

    /// <summary>Through a shell, so that the output goes to the null device and not through this process.</summary>
    private static double RunWhole(string[] command, string folder, bool mayFindLeaks)
    {
        string[] line = ["sh", "-c", "exec \"$@\" > /dev/null", "sh", .. command];
        long begin = Stopwatch.GetTimestamp();
        RunTool(line, folder, mayFindLeaks);
        return Stopwatch.GetElapsedTime(begin).TotalSeconds;
    }

    private static double Median(List<double> values)
    {
        values.Sort();
        int middle = values.Count / 2;
        return values.Count % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
    }

    [GeneratedRegex("completed in ([0-9.]+) seconds")]
    private static partial Regex Completed();
}
