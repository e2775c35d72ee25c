using QedVd.TestKit;

namespace QedVd.Cli.Tests;

/// <summary>A plugin that throws where nobody can catch it, in the real process: it would end a program that does nothing about it.</summary>
public sealed class StrayFaultTests
{
    [Fact]
    public async Task Plugin_ThatThrowsOnItsOwnThreadOrInAFinalizer_IsNamed_AndTheProgramGoesOn()
    {
        using var cli = new Cli();
        const string Plugin = "StrayThrower";
        string folder = Directory.CreateDirectory(cli.PathOf($"plugins/{Plugin}")).FullName;
        File.Copy(Path.Combine(Checkout.OutputOf("QedVd.TestPlugins"), "plugins", Plugin, $"{Plugin}.dll"), Path.Combine(folder, $"{Plugin}.dll"));

        ToolRun run = (await cli.RunAsync("plugins", "--plugins", "plugins")).ShouldExitWith(0);

        Assert.Contains("stray-thrower", run.Output, StringComparison.Ordinal);
        foreach (string where in new[] { "a finalizer", "a thread" })
        {
            Assert.Contains($"qedvd: plugin {Plugin} failed on a thread of its own (InvalidOperationException: from {where}); the program goes on.", run.Error, StringComparison.Ordinal);
        }
    }
}
