using System.Diagnostics;
using Xunit;

namespace QedVd.TestKit;

/// <summary>What a program left behind that ran to its end: exit code and both outputs.</summary>
public sealed record ToolRun(string CommandLine, int ExitCode, string Output, string Error)
{
    /// <summary>Runs a program to its end. A program that has not ended after <paramref name="limit"/> (two minutes unless told) is killed and fails the test.</summary>
    public static async Task<ToolRun> RunAsync(string program, IEnumerable<string> arguments, string? workingFolder = null, TimeSpan? limit = null)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = workingFolder ?? "",
        };
        string commandLine = string.Join(' ', [program, .. start.ArgumentList]);

        using var process = Process.Start(start) ?? throw new InvalidOperationException($"'{commandLine}' did not start.");
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();

        using var timeout = new CancellationTokenSource(limit ?? TimeSpan.FromMinutes(2));
        try
        {
            await process.WaitForExitAsync(timeout.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"'{commandLine}' did not end in time and was killed.");
        }

        return new ToolRun(commandLine, process.ExitCode, await output, await error);
    }

    /// <summary>Fails the test, with both outputs, unless the program ended with this exit code.</summary>
    public ToolRun ShouldExitWith(int exitCode)
    {
        Assert.True(ExitCode == exitCode, $"'{CommandLine}' ended with {ExitCode}, not {exitCode}.\nstdout: {Output}\nstderr: {Error}");
        return this;
    }
}
