using System.Globalization;
using System.Reflection;
using QedVd.TestKit;

namespace QedVd.ChainKit;

/// <summary>The command that looks at one case of a search again, as the message of a failure prints it.</summary>
public static class CaseReplay
{
    private const string Script = "./test";

    /// <summary>The command; a case is the same one in normal runs and in long ones only where the search says so, and it is this run's that is looked at again.</summary>
    /// <param name="search">With the seed.</param>
    /// <param name="test">The method that looked at the case.</param>
    /// <param name="number">The case.</param>
    public static string CommandOf(ProofSearch search, string test, long number) =>
        string.Create(CultureInfo.InvariantCulture, $"{Script} {(search.IsLong ? $"--long {search.Name.Split('-')[0]} " : "")}--filter {test} --seed {search.Seed} --case {number}");

    /// <summary>The command that a message prints.</summary>
    public static string CommandIn(string message)
    {
        string line = message.Split('\n').First(line => line.Contains(Script, StringComparison.Ordinal));
        return line[line.IndexOf(Script, StringComparison.Ordinal)..];
    }

    /// <summary>Runs this test program as the script runs it for the command; returns what its tests printed.</summary>
    public static async Task<string> RunAsync(string command)
    {
        List<string> environment = ["QEDVD_FIGURES=", "QEDVD_LONG="];
        List<string> arguments = ["-noLogo", "-noColor", "-showLiveOutput"];
        string[] words = command.Split(' ')[1..];
        for (int i = 0; i < words.Length; i += 2)
        {
            string value = words[i + 1];
            switch (words[i])
            {
                case "--filter":
                    arguments.AddRange(["-method", $"*{value}*"]);
                    break;
                case "--long":
                    arguments.AddRange(["-trait", $"Long={value}"]);
                    environment.Add($"QEDVD_LONG={value}");
                    break;
                default:
                    environment.Add($"QEDVD_{words[i][2..].ToUpperInvariant()}={value}");
                    break;
            }
        }

        string program = Path.Combine(AppContext.BaseDirectory, Assembly.GetEntryAssembly()!.GetName().Name!);
        return (await ToolRun.RunAsync(Peers.Require("env"), [.. environment, program, .. arguments]).ConfigureAwait(false)).ShouldExitWith(0).Output;
    }
}
