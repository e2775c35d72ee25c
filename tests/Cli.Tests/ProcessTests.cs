using QedVd.TestKit;

namespace QedVd.Cli.Tests;

public sealed class ProcessTests
{
    [Fact]
    public async Task Version_IsPrinted()
    {
        ToolRun run = await ToolRun.RunAsync(Checkout.CommandLine, ["--version"]);

        run.ShouldExitWith(0);
        Assert.Equal(Checkout.Version.ToString(3), run.Output.Trim());
    }
}
