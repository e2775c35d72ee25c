using QedVd.Cli.Tests.Faults;
using QedVd.Cli.Tests.Killing;
using QedVd.TestKit;

namespace QedVd.Cli.Tests;

/// <summary>Quiet leaves out what was found, not why it could not be looked at.</summary>
public sealed class QuietCheckTests : IDisposable
{
    private readonly Cli _cli = new();

    public void Dispose() => _cli.Dispose();

    [Theory]
    [InlineData("check -q")]
    [InlineData("check -q --max-findings 0")]
    [InlineData("check -q -r leaks")]
    [InlineData("check -q -r all")]
    [InlineData("check -q -r all --dry-run")]
    public async Task Check_ThatCannotReadEverything_SaysWhy_AlsoQuietly(string command)
    {
        string[] arguments = [.. command.Split(' '), "@a.qed"];
        await _cli.OkAsync("create", "-q", "a.qed", "4M");
        await _cli.ShellAsync("head -c 100000 /dev/urandom > in && $Q write a.qed -i in");
        StorageFaults faults = new();
        List<string> errors = [];
        int nth = 1;
        for (bool hasStruck = true; hasStruck; nth++)
        {
            faults.Arm(FaultKind.Read, nth, isSticky: true);
            ToolRun run = await InProcess.RunAsync(arguments, _cli.Folder, faults.HostOptions);
            hasStruck = faults.Hits > 0;
            Assert.Equal("", run.Output);
            Assert.Equal(hasStruck ? 1 : 0, run.ExitCode);
            Assert.Equal(!hasStruck, run.Error.Length == 0);
            errors.Add(run.Error);
        }

        // Some have looked at everything else.
        Assert.Contains(errors, error => error.StartsWith("qedvd: check: L2 table at ", StringComparison.Ordinal) || error.Contains("tables could not be read", StringComparison.Ordinal));
    }
}
