using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using QedVd.TestKit;

namespace QedVd.Cli.Tests;

/// <summary>Ctrl-C in the middle: the image is sound, the exit code tells, and running the verb again finishes the work.</summary>
public sealed partial class InterruptTests : IDisposable
{
    private readonly Cli _cli = new();

    public void Dispose() => _cli.Dispose();

    [Fact]
    public async Task Resize_Interrupted_LeavesTheOldSize_AndRunsAgain()
    {
        const long NewBytes = 200L << 30;
        string[] resize = ["resize", "-p", "top.qed", "200G"];

        // Each of the new clusters is marked, because the parent reaches as far: that takes a while.
        await _cli.OkAsync("create", "-o", "cluster_size=4k,table_size=16", "base.qed", "200G");
        await _cli.OkAsync("create", "-o", "cluster_size=4k,table_size=16", "-b", "base.qed", "-F", "qed", "top.qed", "1G");

        (int exitCode, string error) = await InterruptAsync(resize);

        await _cli.OkAsync("check", "-q", "top.qed");
        JsonNode info = JsonNode.Parse(await _cli.OkAsync("info", "--output=json", "top.qed"))!;
        Assert.Equal(["base.qed", "top.qed"], _cli.Files);
        if (exitCode == 0)
        {
            // Too quick for the signal.
            Assert.Equal(NewBytes, (long)info["virtual-size"]!);
            return;
        }

        Assert.Equal(130, exitCode);
        Assert.StartsWith("qedvd: resize: interrupted; the image is sound", error, StringComparison.Ordinal);
        Assert.False((bool)info["dirty-flag"]!);
        await _cli.OkAsync(resize);
        await _cli.OkAsync("check", "-q", "top.qed");
    }

    [Fact]
    public async Task Compact_Interrupted_ReadsTheSame_AndRunsAgain()
    {
        await _cli.OkAsync("create", "a.qed", "1G");
        await _cli.QemuIoAsync("a.qed", "write -P 0x5A 0 256M", "write -P 0x66 256M 256M", "write -z 0 200M");

        (int exitCode, string error) = await InterruptAsync(["compact", "-p", "a.qed"]);

        await _cli.QemuIoAsync("a.qed", "read -P 0 0 200M", "read -P 0x5A 200M 56M", "read -P 0x66 256M 256M", "read -P 0 512M 512M");
        Assert.Equal(["a.qed"], _cli.Files);
        if (exitCode != 0)
        {
            Assert.Equal(130, exitCode);
            Assert.StartsWith("qedvd: compact: interrupted; the image is sound", error, StringComparison.Ordinal);
            Assert.Contains((await _cli.RunAsync("check", "-q", "a.qed")).ExitCode, (int[])[0, 3]);
            await _cli.OkAsync("compact", "-q", "a.qed");
        }

        await _cli.QemuImgOkAsync("check", "-q", "-f", "qed", "a.qed");
        Assert.InRange(new FileInfo(_cli.PathOf("a.qed")).Length, 312 << 20, 313 << 20);
        await _cli.QemuIoAsync("a.qed", "read -P 0 0 200M", "read -P 0x5A 200M 56M", "read -P 0x66 256M 256M", "read -P 0 512M 512M");
    }

    [Theory]
    [InlineData("commit")]
    [InlineData("merge --direction down")]
    [InlineData("merge --direction up")]
    [InlineData("rebase -b other.qed")]
    [InlineData("flatten")]
    public async Task Rearranging_Interrupted_LeavesAChainThatReadsTheSame_AndRunsAgain(string line)
    {
        string[] verb = line.Split(' ');
        await _cli.OkAsync("create", "-q", "base.qed", "32M");
        await _cli.OkAsync("create", "-q", "other.qed", "32M");
        await _cli.OkAsync("create", "-q", "-b", "base.qed", "-F", "qed", "top.qed");
        await _cli.QemuIoAsync("base.qed", "write -P 0x5A 0 24M");
        await _cli.QemuIoAsync("top.qed", "write -P 0x66 16M 16M");

        (int exitCode, string error) = await InterruptAsync([.. verb, "-p", "--rate", "8M", "top.qed"]);

        Assert.Equal(130, exitCode);
        Assert.StartsWith($"qedvd: {verb[0]}: stopped; the chain is valid", error, StringComparison.Ordinal);
        Assert.Contains("Run it again to go on.", error, StringComparison.Ordinal);
        await _cli.QemuIoAsync("top.qed", "read -P 0x5A 0 16M", "read -P 0x66 16M 16M");
        foreach (string file in (string[])["base.qed", "other.qed", "top.qed"])
        {
            await _cli.QemuImgOkAsync("check", "-q", "-f", "qed", file);
        }

        await _cli.OkAsync([.. verb, "-q", "top.qed"]);
        string left = File.Exists(_cli.PathOf("top.qed")) ? "top.qed" : "base.qed";
        await _cli.QemuIoAsync(left, "read -P 0x5A 0 16M", "read -P 0x66 16M 16M");
        await _cli.QemuImgOkAsync("check", "-q", "-f", "qed", left);
        Assert.DoesNotContain(_cli.Files, file => file.StartsWith('.'));
    }

    [Fact]
    public async Task Interrupt_DeliveredTwiceAtOnce_IsOne()
    {
        await _cli.OkAsync("create", "-q", "base.qed", "32M");
        await _cli.OkAsync("create", "-q", "-b", "base.qed", "-F", "qed", "top.qed");
        await _cli.QemuIoAsync("base.qed", "write -P 0x5A 0 32M");

        // As timeout(1) does: the process gets it, and then its group.
        (int exitCode, string error) = await InterruptAsync(["flatten", "-p", "--rate", "8M", "top.qed"], "kill -INT {0}; sleep 0.005; kill -INT {0} || true");

        Assert.Equal(130, exitCode);
        Assert.StartsWith("qedvd: flatten: stopped; the chain is valid", error, StringComparison.Ordinal);
        await _cli.QemuImgOkAsync("check", "-q", "-f", "qed", "top.qed");
    }

    /// <summary>Sends SIGINT once the verb has done a part of its work.</summary>
    private async Task<(int ExitCode, string Error)> InterruptAsync(string[] arguments, string kill = "kill -INT {0}")
    {
        var start = new ProcessStartInfo(Checkout.CommandLine, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = _cli.Folder };
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var said = new StringBuilder();
        char[] buffer = new char[256];
        for (int read; (read = await process.StandardOutput.ReadAsync(buffer, TestContext.Current.CancellationToken)) > 0 && !PartDone().IsMatch(said.ToString());)
        {
            said.Append(buffer, 0, read);
        }

        await ToolRun.RunAsync("/bin/bash", ["-c", kill.Replace("{0}", $"{process.Id}", StringComparison.Ordinal)]);
        await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, await error);
    }

    [GeneratedRegex(@"\((?!0\.00|100\.00)[0-9.]+/100%\)")]
    private static partial Regex PartDone();
}
