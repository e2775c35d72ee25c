using System.Text.Json.Nodes;
using QedVd.TestKit;

namespace QedVd.Cli.Tests;

public sealed class CommitTests : IDisposable
{
    private readonly Cli _cli = new();

    public void Dispose() => _cli.Dispose();

    [Fact]
    public async Task Commit_IntoTheParent_SaysWhatQemuImgSays_AndHasTheSameEffect()
    {
        await MakeAsync();
        await _cli.ShellAsync("mkdir peer; cp *.qed peer");
        string peer = (await _cli.ShellAsync("cd peer; qemu-img commit top.qed")).ShouldExitWith(0).Output;

        Assert.Equal(peer, await _cli.OkAsync("commit", "top.qed"));

        await _cli.QemuImgOkAsync("compare", "top.qed", "peer/top.qed");
        await _cli.QemuImgOkAsync("compare", "mid.qed", "peer/mid.qed");
        await _cli.QemuImgOkAsync("check", "-q", "-f", "qed", "top.qed");
        await _cli.QemuImgOkAsync("check", "-q", "-f", "qed", "mid.qed");
        Assert.Equal("[]", (await _cli.OkAsync("diff", "--output=json", "top.qed")).Trim());
    }

    [Fact]
    public async Task Commit_ThatKeeps_LeavesTheTopFilled()
    {
        await MakeAsync();
        string before = await _cli.OkAsync("diff", "--output=json", "top.qed");

        await _cli.OkAsync("commit", "-d", "-q", "top.qed");

        Assert.Equal(before, await _cli.OkAsync("diff", "--output=json", "top.qed"));
        await _cli.QemuImgOkAsync("compare", "top.qed", "mid.qed");
    }

    [Theory]
    [InlineData("base.qed")]
    [InlineData("./link.qed")]
    public async Task Commit_IntoALowerLevel_NamesTheLevelsThatAreOfNoUse(string given)
    {
        await MakeAsync();
        await _cli.OkAsync("convert", "-O", "raw", "top.qed", "expected.raw");
        File.CreateSymbolicLink(_cli.PathOf("link.qed"), "base.qed");

        JsonNode said = JsonNode.Parse(await _cli.OkAsync("commit", "--output=json", "-p", "-b", given, "top.qed"))!;

        Assert.Equal(("top.qed", "base.qed", false), ((string)said["filename"]!, (string)said["target"]!, (bool)said["kept"]!));
        Assert.Equal("mid.qed", (string)Assert.Single(said["superseded"]!.AsArray())!);
        Assert.True((long)said["copied-bytes"]! > 0);
        await _cli.QemuImgOkAsync("compare", "-F", "raw", "top.qed", "expected.raw");
        await _cli.QemuImgOkAsync("compare", "-F", "raw", "base.qed", "expected.raw");
        Assert.Equal("base.qed", (string)JsonNode.Parse(await _cli.QemuImgOkAsync("info", "--output=json", "top.qed"))!["backing-filename"]!);
        Assert.True(File.Exists(_cli.PathOf("mid.qed")));
    }

    [Fact]
    public async Task Commit_AsText_NamesWhatWasBetween()
    {
        await MakeAsync();

        string said = await _cli.OkAsync("commit", "top.qed", "-b", "base.qed");

        Assert.Equal("Image committed.\nNo level of this disk any more, and of no use: 'mid.qed'. It was not deleted.\n", said);
    }

    [Fact]
    public async Task Commit_ThatDeletesWhatWasBetween_SaysSo_AndTheNextIsNotInItsWay()
    {
        await MakeAsync();
        await _cli.OkAsync("convert", "-O", "raw", "top.qed", "expected.raw");

        string said = await _cli.OkAsync("commit", "--delete-superseded", "-b", "base.qed", "top.qed");

        Assert.Equal("Image committed.\nDeleted: 'mid.qed'.\n", said);
        Assert.Equal(["base.qed", "expected.raw", "top.qed"], _cli.Files);
        await _cli.QemuImgOkAsync("compare", "-F", "raw", "top.qed", "expected.raw");
        await _cli.OkAsync("commit", "-q", "top.qed");
    }

    [Theory]
    [InlineData("commit base.qed", "no parent")]
    [InlineData("commit -b nosuch.qed top.qed", "'mid.qed', 'base.qed'")]
    [InlineData("commit -b top.qed top.qed", "the top itself")]
    [InlineData("commit gone.qed", "gone.qed")]
    public async Task Commit_ThatQemuImgRefusesToo_IsOneLine_AndChangesNothing(string line, string reason)
    {
        await MakeAsync();
        string before = await SumAsync();
        (await _cli.QemuImgAsync(line.Split(' '))).ShouldExitWith(1);

        Assert.Contains(reason, await _cli.FailAsync(1, line.Split(' ')), StringComparison.Ordinal);

        Assert.Equal(before, await SumAsync());
    }

    [Theory]
    [InlineData("commit --rate 0 top.qed", "--rate")]
    [InlineData("commit --rate much top.qed", "much")]
    [InlineData("commit -t fast top.qed", "fast")]
    [InlineData("commit --output=xml top.qed", "xml")]
    [InlineData("commit", "FILE is missing")]
    public async Task Commit_WithWhatMakesNoSense_IsRefused(string line, string reason)
    {
        await MakeAsync();

        Assert.Contains(reason, await _cli.FailAsync(1, line.Split(' ')), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Commit_OverAParentThatHasAnotherChild_IsRefused()
    {
        await MakeAsync();
        await _cli.OkAsync("create", "-q", "-b", "mid.qed", "-F", "qed", "other.qed");
        string before = await SumAsync();

        Assert.Contains("other.qed", await _cli.FailAsync(1, "commit", "top.qed"), StringComparison.Ordinal);

        Assert.Equal(before, await SumAsync());
    }

    [Fact]
    public async Task Commit_WithAnotherChildInANamedFolder_IsRefused()
    {
        await MakeAsync();
        Directory.CreateDirectory(_cli.PathOf("folder"));
        await _cli.OkAsync("create", "-q", "-b", "../mid.qed", "-F", "qed", "folder/other.qed");

        Assert.Contains("other.qed", await _cli.FailAsync(1, "commit", "--siblings", "folder", "top.qed"), StringComparison.Ordinal);
        await _cli.OkAsync("commit", "top.qed");
    }

    [Theory]
    [InlineData("commit")]
    [InlineData("merge")]
    public async Task Siblings_InAFolderThatIsNotThere_AreNotTakenForNone(string verb)
    {
        await MakeAsync();
        string before = await SumAsync();

        Assert.Contains("folder", await _cli.FailAsync(1, verb, "--siblings", "folder", "top.qed"), StringComparison.Ordinal);

        Assert.Equal(before, await SumAsync());
    }

    [Fact]
    public async Task Commit_IntoAParentThatTheTrustDoesNotReach_IsRefused()
    {
        await MakeAsync();
        Directory.CreateDirectory(_cli.PathOf("folder"));
        await _cli.OkAsync("create", "-q", "-b", "../mid.qed", "-F", "qed", "folder/a.qed");
        File.Delete(_cli.PathOf("top.qed"));

        Assert.Contains("--allow", await _cli.FailAsync(1, "commit", "folder/a.qed"), StringComparison.Ordinal);
        await _cli.OkAsync("commit", "--allow", ".", "folder/a.qed");
    }

    [Fact]
    public async Task Commit_OfAnImageInUse_IsRefused()
    {
        await MakeAsync();
        using var holder = new RunningQemuIo(_cli, "top.qed");

        Assert.Contains("top.qed", await _cli.FailAsync(1, "commit", "top.qed"), StringComparison.Ordinal);
    }

    private async Task MakeAsync()
    {
        await _cli.OkAsync("create", "-q", "base.qed", "4M");
        await _cli.OkAsync("create", "-q", "-b", "base.qed", "-F", "qed", "mid.qed");
        await _cli.OkAsync("create", "-q", "-b", "mid.qed", "-F", "qed", "top.qed", "6M");
        await _cli.QemuIoAsync("base.qed", "write -P 1 0 1M");
        await _cli.QemuIoAsync("mid.qed", "write -P 2 512k 1M");
        await _cli.QemuIoAsync("top.qed", "write -P 3 1M 100k", "write -z 0 64k", "write -P 4 5M 64k");
    }

    private async Task<string> SumAsync() => (await _cli.ShellAsync("sha256sum *.qed")).Output;
}
