using QedVd.TestKit;

namespace QedVd.Cli.Tests;

/// <summary>Commands that delete files, in a folder that cannot be made durable then.</summary>
public sealed class DeletionTests : IDisposable
{
    private readonly Cli _cli = new();

    public void Dispose() => _cli.Dispose();

    [Theory]
    [InlineData("merge -q --direction down", "top.qed", "mid.qed")]
    [InlineData("merge -q --direction up", "mid.qed", "top.qed")]
    [InlineData("merge -q --direction down --from sub/mid.qed", "mid.qed", "base.qed")]
    [InlineData("commit -q -b base.qed --delete-superseded", "mid.qed", "base.qed")]
    public async Task Deletion_ThatMayNotLast_FailsAtTheEnd_AndSaysThatAllIsDone(string command, string deleted, string survivor)
    {
        Peers.Require("strace");
        Directory.CreateDirectory(_cli.PathOf("sub"));
        string[] paths = [.. new[] { "base.qed", "mid.qed", "top.qed" }.Select(name => name == deleted ? $"sub/{name}" : name)];
        await _cli.OkAsync("create", "-q", paths[0], "1M");
        await _cli.OkAsync("create", "-q", "-u", "-F", "qed", "-b", _cli.PathOf(paths[0]), paths[1], "1M");
        await _cli.OkAsync("create", "-q", "-u", "-F", "qed", "-b", _cli.PathOf(paths[1]), paths[2], "1M");

        // In that folder nothing is made, only deleted.
        ToolRun run = await _cli.ShellAsync(
            $"strace -f -qq -o /dev/null -P \"$PWD/sub\" -e trace=fsync -e inject=fsync:error=EIO $Q {command} --trusted {paths[2]}");

        run.ShouldExitWith(1);
        Assert.Contains($"is complete all the same, and '{_cli.PathOf(survivor)}' has it all. It deleted '{_cli.PathOf($"sub/{deleted}")}'", run.Error, StringComparison.Ordinal);
        Assert.Single(run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal([.. paths.Where(path => !path.StartsWith("sub", StringComparison.Ordinal)).Append("sub").Order(StringComparer.Ordinal)], _cli.Files);
        Assert.Empty(Directory.GetFileSystemEntries(_cli.PathOf("sub")));
    }
}
