using QedVd.TestKit;

namespace QedVd.Cli.Tests;

/// <summary>A plugin that throws where nobody can catch it, in the real process: it would end a program that does nothing about it.</summary>
public sealed class StrayFaultTests
{
    [Fact]
    public async Task Plugin_ThatThrowsOnItsOwnThreadOrInAFinalizer_IsNamed_AndTheProgramGoesOn_ButDoesNotSayThatAllIsWell()
    {
        using var cli = new Cli();
        const string Plugin = "StrayThrower";
        string folder = Directory.CreateDirectory(cli.PathOf($"plugins/{Plugin}")).FullName;
        File.Copy(Path.Combine(Checkout.OutputOf("QedVd.TestPlugins"), "plugins", Plugin, $"{Plugin}.dll"), Path.Combine(folder, $"{Plugin}.dll"));

        ToolRun run = (await cli.RunAsync("plugins", "--plugins", "plugins")).ShouldExitWith(1);

        Assert.Contains("stray-thrower", run.Output, StringComparison.Ordinal);
        foreach (string where in new[] { "a finalizer", "a thread" })
        {
            Assert.Contains($"qedvd: plugin {Plugin} failed on a thread of its own (InvalidOperationException: from {where}); the program goes on.", run.Error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task PluginOfTheProgramItself_ThatDoesSo_IsABugOfTheProgram_WhichEnds()
    {
        using var cli = new Cli();
        string program = cli.PathOf("program");
        string from = Path.GetDirectoryName(Checkout.CommandLine)!;
        foreach (string file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            string copy = Path.Combine(program, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }

        string folder = Directory.CreateDirectory(Path.Combine(program, "plugins", "QedVd.Backends.Stray")).FullName;
        File.Copy(Path.Combine(Checkout.OutputOf("QedVd.TestPlugins"), "plugins", "StrayThrower", "StrayThrower.dll"), Path.Combine(folder, "QedVd.Backends.Stray.dll"));

        ToolRun run = await ToolRun.RunAsync(Path.Combine(program, Path.GetFileName(Checkout.CommandLine)), ["plugins"], cli.Folder);

        Assert.True(run.ExitCode > 1, $"{run.ExitCode}\n{run.Error}");
        Assert.Contains("Unhandled exception", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("the program goes on", run.Error, StringComparison.Ordinal);
    }
}
