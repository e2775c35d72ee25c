using System.Diagnostics;
using System.Text.Json;
using QedVd.TestKit;

namespace QedVd.Architecture.Tests.Mutation;

/// <summary>
/// <c>./test --long mutation</c>: dotnet-stryker changes the engine and the chains in small ways, one at a time, and the unit tests ought to fail. One part
/// of a folder after the other, until the time is over or all have been looked at; what survived is in artifacts/mutation/survivors-*.txt.
/// </summary>
[Trait("Long", "mutation")]
public sealed class MutationTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromHours(12);
    private static readonly string[] s_detected = ["Killed", "Timeout"];
    private static readonly string[] s_undetected = ["Survived", "NoCoverage"];

    [Fact]
    public async Task Mutants_OfTheEngineAndTheChains_AreCountedPartByPart()
    {
        // Otherwise a project that was renamed would silently be left out.
        Assert.All(MutationPart.Folders.SelectMany(MutationPart.PartsOf), part => Assert.True(File.Exists(Checkout.PathOf(part.TestProject, $"QedVd.{Path.GetFileName(part.TestProject)}.csproj")), part.TestProject));
        if (!LongRun.IsAsked("mutation"))
        {
            return;
        }

        (await ToolRun.RunAsync("dotnet", ["tool", "restore"], Checkout.Root, s_limit)).ShouldExitWith(0);
        var clock = Stopwatch.StartNew();
        foreach (string folder in MutationPart.Folders)
        {
            // A search of its own for each: the figures of one hold when the code or the tests of another change.
            IReadOnlyList<MutationPart> parts = MutationPart.PartsOf(folder);
            using var search = new ProofSearch($"mutation-{Path.GetFileName(folder).ToLowerInvariant()}", [folder, .. MutationPart.InstrumentsOf(folder)]);
            while (clock.Elapsed < LongRun.Budget("mutation", TimeSpan.Zero) && search.GoesOn(done: 0, atLeast: 0))
            {
                long number = search.Next();
                if (number >= parts.Count)
                {
                    break;
                }

                (int undetected, int all) = await RunAsync(parts[(int)number], $"{search.Name}-{number}");
                search.Count(Measure.Mutants, all, undetected);
                search.Completed(number);
            }
        }
    }

    private static async Task<(int Undetected, int All)> RunAsync(MutationPart part, string name)
    {
        string folder = Checkout.PathOf("artifacts", "mutation");
        string output = Path.Combine(folder, "run");
        if (Directory.Exists(output))
        {
            Directory.Delete(output, recursive: true);
        }

        // One test that fails is enough. Beside the test program: the runner has no option for it.
        string program = Path.Combine(folder, "bin", $"QedVd.{Path.GetFileName(part.TestProject)}", "release");
        Directory.CreateDirectory(program);
        await File.WriteAllTextAsync(Path.Combine(program, "xunit.runner.json"), """{ "stopOnFail": true }""");

        // What takes longer counts as noticed; a machine that has other things to do must not make it so.
        string settings = Path.Combine(folder, "stryker-config.json");
        await File.WriteAllTextAsync(settings, """{ "stryker-config": { "additional-timeout": 20000 } }""");

        // A build output of its own, and none of what ./test tells its own tests. With the runner for VSTest no change would reach the tests of xunit.v3.
        string[] environment = ["-u", "QEDVD_LONG", "-u", "QEDVD_LONG_MINUTES", "-u", "QEDVD_FIGURES", $"ArtifactsPath={folder}", "MSBUILDDISABLENODEREUSE=1", "UseSharedCompilation=false"];
        string[] options =
        [
            "--skip-version-check", "--config-file", settings, "--test-runner", "mtp", "--configuration", "Release", "--concurrency", "2", "--reporter", "Json", "--output", output,
            "--project", $"{part.Project}.csproj", "--test-case-filter", part.Filter,
        ];
        ToolRun run = await ToolRun.RunAsync(
            "env", [.. environment, "dotnet", "stryker", .. options, .. part.Files.SelectMany(file => new[] { "--mutate", file })], Checkout.PathOf(part.TestProject), s_limit);
        string report = Path.Combine(output, "reports", "mutation-report.json");
        Assert.True(run.ExitCode == 0 && File.Exists(report), $"'{run.CommandLine}' ended with {run.ExitCode}.\n{run.Output}\n{run.Error}");

        using JsonDocument document = JsonDocument.Parse(await File.ReadAllBytesAsync(report));
        int undetected = 0;
        int detected = 0;
        List<string> survivors = [];
        foreach (JsonProperty file in document.RootElement.GetProperty("files").EnumerateObject())
        {
            foreach (JsonElement mutant in file.Value.GetProperty("mutants").EnumerateArray())
            {
                string status = mutant.GetProperty("status").GetString()!;
                detected += s_detected.Contains(status) ? 1 : 0;
                if (s_undetected.Contains(status))
                {
                    undetected++;
                    int line = mutant.GetProperty("location").GetProperty("start").GetProperty("line").GetInt32();
                    survivors.Add($"{Path.GetRelativePath(Checkout.Root, file.Name)}:{line}: {status}: {mutant.GetProperty("mutatorName").GetString()}: {mutant.GetProperty("replacement").GetString()!.ReplaceLineEndings(" ")}");
                }
            }
        }

        Assert.True(detected + undetected > 0, $"No mutant was tried in {string.Join(", ", part.Files)}.");
        await File.WriteAllLinesAsync(Path.Combine(folder, $"survivors-{name}.txt"), survivors);
        return (undetected, detected + undetected);
    }
}
