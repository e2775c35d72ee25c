using System.Diagnostics;
using System.Text.Json;
using QedVd.TestKit;

namespace QedVd.Architecture.Tests.Mutation;

/// <summary>
/// <c>./test --long mutation</c>: dotnet-stryker changes the engine and the chains in small ways, one at a time, and the unit tests ought to fail. Some files
/// after the others, until the time is over or all have been looked at; docs/mutants.md has the figures, docs/survivors.md what survived.
/// </summary>
[Trait("Long", "mutation")]
public sealed class MutationTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromHours(12);

    [Fact]
    public async Task Mutants_OfTheEngineAndTheChains_AreCountedFileByFile()
    {
        // Otherwise a project or a folder that was renamed would silently be left out.
        Assert.All(MutationPart.Folders, folder => Assert.All(MutationPart.Split(folder, MutationPart.FilesOf(folder)), part => Assert.All([part.ProjectFile, part.TestProjectFile], file => Assert.True(File.Exists(file), file))));
        Assert.All(MutationPart.Folders, folder => Assert.NotEmpty(MutationPart.FilesOf(folder)));
        if (!LongRun.IsAsked("mutation"))
        {
            return;
        }

        (await ToolRun.RunAsync("dotnet", ["tool", "restore"], Checkout.Root, s_limit)).ShouldExitWith(0);
        string commit = (await ToolRun.RunAsync("git", ["rev-parse", "--short=10", "HEAD"], Checkout.Root, s_limit)).ShouldExitWith(0).Output.Trim();
        var report = new MutantReport(Checkout.PathOf("docs", "mutants.md"), Checkout.Root);
        var survivors = new SurvivorList(Checkout.PathOf("docs", "survivors.md"), Checkout.Root);
        bool IsListed(string file) => survivors.Of(file).Count == report.SurvivorsOf(file);
        IEnumerable<MutationPart> parts = Parts(report, file => !report.Holds(file))
            .Concat(Parts(report, file => report.Holds(file) && !IsListed(file)))
            .Concat(Parts(report, file => report.Holds(file) && IsListed(file) && report.MayBeBetter(file, commit)));
        var clock = Stopwatch.StartNew();
        foreach (MutationPart part in parts)
        {
            if (clock.Elapsed >= LongRun.Budget("mutation", TimeSpan.Zero))
            {
                break;
            }

            var contents = part.Files.ToDictionary(file => file, report.ContentOf);
            foreach ((string file, int mutants, IReadOnlyList<Survivor> some) in await RunAsync(part))
            {
                report.Set(file, mutants, some.Count, commit, contents[file]);
                survivors.Set(file, some);
                Figures.Add(Measure.Mutants, mutants, some.Count);
            }

            report.Save(MutationPart.Folders);
            survivors.Save();
        }
    }

    private static MutationPart[] Parts(MutantReport report, Func<string, bool> isWanted) =>
        [.. MutationPart.Folders.SelectMany(folder => MutationPart.Split(folder, [.. MutationPart.FilesOf(folder).Where(isWanted).OrderByDescending(report.SurvivorsOf)]))];

    private static async Task<IReadOnlyList<MutatedFile>> RunAsync(MutationPart part)
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

        // What takes longer counts as noticed; a machine that has other things to do must not make it so. What a console or a test process does with
        // ConfigureAwait is the same either way.
        string settings = Path.Combine(folder, "stryker-config.json");
        await File.WriteAllTextAsync(settings, """{ "stryker-config": { "additional-timeout": 20000, "ignore-methods": ["ConfigureAwait"] } }""");

        // A build output of its own, and none of what ./test tells its own tests. With the runner for VSTest no change would reach the tests of xunit.v3.
        string[] environment = ["-u", "QEDVD_LONG", "-u", "QEDVD_LONG_MINUTES", "-u", "QEDVD_FIGURES", $"ArtifactsPath={folder}", "MSBUILDDISABLENODEREUSE=1", "UseSharedCompilation=false"];
        string[] options =
        [
            "--skip-version-check", "--config-file", settings, "--test-runner", "mtp", "--configuration", "Release", "--concurrency", "2", "--reporter", "Json", "--output", output,
            "--project", Path.GetFileName(part.ProjectFile), "--test-case-filter", part.Filter,
        ];
        ToolRun run = await ToolRun.RunAsync(
            "env", [.. environment, "dotnet", "stryker", .. options, .. part.Files.SelectMany(file => new[] { "--mutate", Path.GetRelativePath(part.Project, file) })], Checkout.PathOf(part.TestProject), s_limit);
        string report = Path.Combine(output, "reports", "mutation-report.json");
        Assert.True(run.ExitCode == 0 && File.Exists(report), $"'{run.CommandLine}' ended with {run.ExitCode}.\n{run.Output}\n{run.Error}");

        using JsonDocument document = JsonDocument.Parse(await File.ReadAllBytesAsync(report));
        IReadOnlyList<MutatedFile> found = MutatedFile.Read(document.RootElement);
        Assert.True(found.Any(file => file.Mutants > 0), $"No mutant was tried in {string.Join(", ", part.Files)}.");
        return [.. part.Files.Select(file => found.FirstOrDefault(each => each.File == file) ?? new MutatedFile(file, 0, []))];
    }
}
