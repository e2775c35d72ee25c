using QedVd.TestKit;

namespace QedVd.Cli.Tests;

/// <summary>The script that starts the program, with another program in its place.</summary>
public sealed class LauncherTests : IDisposable
{
    private readonly Cli _cli = new();

    public void Dispose() => _cli.Dispose();

    /// <summary>So that 64 handles are enough for a chain.</summary>
    [Theory]
    [InlineData("", "0")]
    [InlineData("DOTNET_EnableDiagnostics=1", "1")]
    public async Task Launcher_OpensNoDoorToDebuggers_UnlessAskedFor(string environment, string expected)
    {
        File.Copy(Checkout.PathOf("qedvd"), _cli.PathOf("qedvd"));
        ToolRun run = await _cli.ShellAsync(
            $$"""
            mkdir -p artifacts/qedvd/app && touch artifacts/qedvd/stamp && unset DOTNET_EnableDiagnostics
            printf '#!/bin/sh\necho "$DOTNET_EnableDiagnostics $*"\n' > artifacts/qedvd/app/QedVd.Cli && chmod +x artifacts/qedvd/app/QedVd.Cli
            DOTNET_ROOT=/ {{environment}} bash ./qedvd info a.qed
            """);

        Assert.Equal($"{expected} info a.qed\n", run.ShouldExitWith(0).Output);
    }
}
