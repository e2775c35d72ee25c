using QedVd.TestKit;

namespace QedVd.Cli.Tests;

/// <summary>Commands that delete files, in a folder that cannot be made durable then.</summary>
public sealed class DeletionTests : IDisposable
{
    // In that folder nothing is made, only deleted.
    private const string FailingFolder = "strace -f -qq -o /dev/null -P \"$PWD/sub\" -e trace=fsync -e inject=fsync:error=EIO";

    private readonly Cli _cli = new();

    public void Dispose() => _cli.Dispose();

    [Theory]
    [InlineData("merge -q --direction down", "top.qed", "mid.qed")]
    [InlineData("merge -q --direction up", "mid.qed", "top.qed")]
    [InlineData("merge -q --direction down --from sub/mid.qed", "mid.qed", "base.qed")]
    [InlineData("commit -q -b base.qed --delete-superseded", "mid.qed", "base.qed")]
    public async Task Deletion_ThatMayNotLast_FailsAtTheEnd_AndSaysThatAllIsDone(string command, string deleted, string survivor)
    {
        string[] paths = await MakeChainAsync(deleted);
        ToolRun run = await _cli.ShellAsync($"{FailingFolder} $Q {command} --trusted {paths[2]}");

        run.ShouldExitWith(1);
        Assert.Contains($"is complete all the same, and '{_cli.PathOf(survivor)}' has it all. It deleted '{_cli.PathOf($"sub/{deleted}")}'", run.Error, StringComparison.Ordinal);
        Assert.Single(run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal([.. paths.Where(path => !path.StartsWith("sub", StringComparison.Ordinal)).Append("sub").Order(StringComparer.Ordinal)], _cli.Files);
        Assert.Empty(Directory.GetFileSystemEntries(_cli.PathOf("sub")));
    }

    /// <summary>The same when the next merge finishes one that was killed before it could delete; the journal stays for another try.</summary>
    [Fact]
    public async Task DeletionWhenAMergeIsFinished_ThatMayNotLast_FailsToo_AndIsTriedAgain()
    {
        string[] paths = await MakeChainAsync("mid.qed");
        const string Merge = "$Q merge --direction up --siblings sub --trusted top.qed";
        ToolRun killed = await _cli.ShellAsync($"strace -f -qq -o /dev/null -P \"$PWD/{paths[1]}\" -e trace=unlink -e inject=unlink:error=EIO:signal=KILL {Merge}");
        Assert.True(killed.ExitCode != 0 && File.Exists(_cli.PathOf(paths[1])), killed.Error);
        string[] left = _cli.Files;
        Assert.Equal([".top.qed.qedvd-merge", "base.qed", "sub", "top.qed"], left);

        ToolRun run = await _cli.ShellAsync($"{FailingFolder} {Merge}");

        run.ShouldExitWith(1);
        Assert.Contains($"The tidying up is complete all the same, and '{_cli.PathOf("top.qed")}' has it all. It deleted '{_cli.PathOf(paths[1])}'", run.Error, StringComparison.Ordinal);
        Assert.Equal(left, _cli.Files);
        Assert.Empty(Directory.GetFileSystemEntries(_cli.PathOf("sub")));

        Assert.Contains("Deleted: 'sub/mid.qed'.", (await _cli.ShellAsync(Merge)).ShouldExitWith(0).Output, StringComparison.Ordinal);
        Assert.Equal(left[1..], _cli.Files);
    }

    private async Task<string[]> MakeChainAsync(string inFolder)
    {
        Peers.Require("strace");
        Directory.CreateDirectory(_cli.PathOf("sub"));
        string[] paths = [.. new[] { "base.qed", "mid.qed", "top.qed" }.Select(name => name == inFolder ? $"sub/{name}" : name)];
        await _cli.OkAsync("create", "-q", paths[0], "1M");
        await _cli.OkAsync("create", "-q", "-u", "-F", "qed", "-b", _cli.PathOf(paths[0]), paths[1], "1M");
        await _cli.OkAsync("create", "-q", "-u", "-F", "qed", "-b", _cli.PathOf(paths[1]), paths[2], "1M");
        return paths;
    }
}
