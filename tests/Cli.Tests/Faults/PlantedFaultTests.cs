using System.Text.RegularExpressions;
using QedVd.ChainKit;
using QedVd.Cli.Tests.Killing;
using QedVd.TestKit;

namespace QedVd.Cli.Tests.Faults;

/// <summary>That the searches for faults find defects, and that what they print finds them again.</summary>
public sealed partial class PlantedFaultTests
{
    private const int MostPoints = 200;

    /// <summary>A backend that does not hear of failures, loses what it was told to keep, or leaves what it could not make.</summary>
    [Theory]
    [InlineData(PlantedDefect.LostBarrier, "commit", "Barrier", "it ended well")]
    [InlineData(PlantedDefect.LostWrite, "write", "Write", "")]
    [InlineData(PlantedDefect.LostWrite, "commit", "Write", "")]
    [InlineData(PlantedDefect.ReadOfZeros, "convert", "Read", "")]
    [InlineData(PlantedDefect.HalfMadeFile, "create", "Write", "it failed, and left")]
    [InlineData(PlantedDefect.HalfMadeFile, "convert", "Barrier", "it failed, and left")]
    [InlineData(PlantedDefect.NamelessError, "commit", "Write", "names no file")]
    [InlineData(PlantedDefect.NamelessError, "create", "Allocate", "names no file")]
    public async Task Command_OverABackendWithADefect_IsFound(PlantedDefect defect, string name, string kind, string finding)
    {
        CommandCase @case = CommandCases.All.Single(each => each.Name == name);
        using var bench = new ChainBench(ChainBench.InMemory);
        (Work pristine, string description) = await KillSearch.MakeAsync(bench, @case, new Random(3), isLarge: false);
        var command = new DisturbedCommand(bench, @case, pristine, $"{@case.Name}, {description}");
        var faults = new StorageFaults { Plant = backend => new DefectiveBackend(backend, defect) };
        await command.MeasureStoragesAsync(faults);
        Exception? found = null;
        bool hasStruck = true;
        for (int nth = 1; found is null && hasStruck; nth++)
        {
            Assert.InRange(nth, 1, MostPoints);
            found = await Record.ExceptionAsync(async () => hasStruck = await command.FaultAsync(faults, Enum.Parse<FaultKind>(kind), nth, isSticky: false, withCrash: false));
        }

        TestContext.Current.TestOutputHelper?.WriteLine(found?.Message ?? "nothing");
        Assert.True(found is Xunit.Sdk.IAssertionException or ImageException, $"{found}");
        Assert.Contains(finding, found.Message, StringComparison.Ordinal);
    }

    /// <summary>The search as a process, over such a backend: what its failure says looks at the very same case, and says the same of it.</summary>
    [Fact]
    public async Task FailureOfASearch_PrintsTheCommandThatFindsItAgain()
    {
        string first = await SearchAsync(["QEDVD_SEED=20261123"], ["-class", typeof(FaultMatrixTests).FullName!]);
        Match replay = ReplayLine().Match(first);
        Assert.True(replay.Success, first);

        // As ./test hands it on.
        string again = await SearchAsync(
            [$"QEDVD_LONG={replay.Groups["name"].Value}", $"QEDVD_SEED={replay.Groups["seed"].Value}", $"QEDVD_CASE={replay.Groups["number"].Value}"],
            ["-method", $"*{replay.Groups["filter"].Value}*", "-trait", $"Long={replay.Groups["name"].Value}"]);

        Assert.Equal("20261123", replay.Groups["seed"].Value);
        Assert.Contains(replay.Value, again, StringComparison.Ordinal);
        Assert.NotEqual("", replay.Groups["finding"].Value);
    }

    /// <summary>What a search prints that finds something.</summary>
    private static async Task<string> SearchAsync(string[] variables, string[] options)
    {
        string[] without = [.. new[] { "QEDVD_LONG", "QEDVD_LONG_MINUTES", "QEDVD_SEED", "QEDVD_CASE", "QEDVD_FIGURES" }.SelectMany(name => new[] { "-u", name })];
        ToolRun run = await ToolRun.RunAsync(
            Peers.Require("env"),
            [.. without, .. variables, $"{PlantedFault.Variable}={PlantedDefect.LostBarrier}", Path.Combine(AppContext.BaseDirectory, "QedVd.Cli.Tests"), "-noLogo", "-noColor", .. options]);
        Assert.True(run.ExitCode != 0, $"found nothing\n{run.Output}");
        return run.Output;
    }

    // The command, and what is wrong: the first line behind it.
    [GeneratedRegex(@"\./test --long (?<name>\S+) --filter (?<filter>\S+) --seed (?<seed>\d+) --case (?<number>\d+)\r?\n(?<finding>[^\n]*)")]
    private static partial Regex ReplayLine();
}
