using System.Text.RegularExpressions;
using QedVd.TestKit;

namespace QedVd.Cli.Tests;

/// <summary>A name in an image leads nowhere that the user has not allowed: the file is not even opened.</summary>
public sealed class PolicyTests : IDisposable
{
    private readonly Cli _cli = new();

    public void Dispose() => _cli.Dispose();

    [Theory]
    [InlineData("commit a.qed", 1)]
    [InlineData("merge a.qed", 1)]
    [InlineData("flatten a.qed", 1)]
    [InlineData("rebase -b b.qed a.qed", 1)]
    [InlineData("diff a.qed", 1)]
    [InlineData("copy a.qed out", 1)]
    [InlineData("measure a.qed", 1)]
    [InlineData("convert -O raw a.qed new", 1)]
    [InlineData("convert -O qed -B a.qed b.qed new", 1)]
    [InlineData("compare --all b.qed a.qed", 2)]
    [InlineData("chain .", 2)]
    [InlineData("chain repair a.qed", 1)]
    public async Task Parent_OutsideOfTheFolder_IsNotOpened(string line, int exitCode)
    {
        Peers.Require("strace");
        Directory.CreateDirectory(_cli.PathOf("other"));
        Directory.CreateDirectory(_cli.PathOf("mine/out"));
        await _cli.OkAsync("create", "-q", "other/secret.qed", "1M");
        await _cli.OkAsync("create", "-q", "-u", "-b", "../other/secret.qed", "-F", "qed", "mine/a.qed", "1M");
        await _cli.OkAsync("create", "-q", "mine/b.qed", "2M");

        ToolRun run = await _cli.ShellAsync($"cd mine; strace -f -o ../trace -e trace=open,openat,openat2 $Q {line}; echo $?");

        Assert.Equal($"{exitCode}", run.Output.TrimEnd().Split('\n')[^1]);
        string trace = await File.ReadAllTextAsync(_cli.PathOf("trace"));
        Assert.Contains("a.qed", trace, StringComparison.Ordinal);
        Assert.Empty(Regex.Matches(trace, @"^.*secret\.qed.* = \d+$", RegexOptions.Multiline).Where(call => !call.Value.Contains("O_PATH", StringComparison.Ordinal)).Select(call => call.Value));
        Assert.Equal(["a.qed", "b.qed", "out"], Directory.GetFileSystemEntries(_cli.PathOf("mine")).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }
}
