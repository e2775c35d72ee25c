using System.Text.Json.Nodes;
using QedVd.TestKit;

namespace QedVd.Cli.Tests;

public sealed class RebaseTests : IDisposable
{
    private readonly Cli _cli = new();

    public void Dispose() => _cli.Dispose();

    [Theory]
    [InlineData("-b base.qed -F qed")]
    [InlineData("-b base.qed")]
    [InlineData("-b other.raw -F raw")]
    [InlineData("-b mid.qed -F qed")]
    public async Task Rebase_ReadsTheSame_OverTheNewParent_ForQemuImgToo(string options)
    {
        await MakeAsync();

        string said = await _cli.OkAsync(["rebase", .. options.Split(' '), "top.qed"]);

        string parent = options.Split(' ')[1];
        Assert.StartsWith($"top.qed: parent 'mid.qed' -> '{parent}'", said, StringComparison.Ordinal);
        await _cli.QemuImgOkAsync("compare", "-F", "raw", "top.qed", "expected.raw");
        await _cli.QemuImgOkAsync("check", "-q", "-f", "qed", "top.qed");
        Assert.Equal(parent, (string)(await InfoAsync("top.qed"))["backing-filename"]!);
    }

    [Theory]
    [InlineData("rebase -b")]
    [InlineData("flatten")]
    public async Task Rebase_ToNone_IsFlattening(string line)
    {
        await MakeAsync();
        string[] empty = line.EndsWith("-b", StringComparison.Ordinal) ? [""] : [];

        JsonNode said = JsonNode.Parse(await _cli.OkAsync([.. line.Split(' '), .. empty, "--output=json", "-p", "--rate", "1G", "--skip-space-check", "top.qed"]))!;

        Assert.Equal("top.qed", (string)said["filename"]!);
        Assert.True((long)said["copied-bytes"]! > 1 << 20);
        Assert.Equal(6L << 20, (long)said["virtual-size"]!);
        Assert.Null((await InfoAsync("top.qed"))["backing-filename"]);
        File.Delete(_cli.PathOf("mid.qed"));
        await _cli.QemuImgOkAsync("compare", "-F", "raw", "top.qed", "expected.raw");
        Assert.Contains("none", await _cli.OkAsync("rebase", "-b", "", "top.qed"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rebase_OfTheNameOnly_OpensNoParent()
    {
        await MakeAsync();
        byte[] before = await File.ReadAllBytesAsync(_cli.PathOf("top.qed"));

        Assert.Contains("the name only", await _cli.OkAsync("rebase", "-u", "-b", "sub/gone.qed", "-F", "qed", "top.qed"), StringComparison.Ordinal);

        Assert.Equal("sub/gone.qed", (string)(await InfoAsync("top.qed"))["backing-filename"]!);
        Assert.Equal(before.Length, new FileInfo(_cli.PathOf("top.qed")).Length);
        Assert.Empty(await _cli.OkAsync("rebase", "-q", "-u", "-b", "", "top.qed"));
        Assert.Null((await InfoAsync("top.qed"))["backing-filename"]);
        await _cli.OkAsync("rebase", "-u", "--absolute", "-b", "mid.qed", "top.qed");
        Assert.Equal(_cli.PathOf("mid.qed"), (string)(await InfoAsync("top.qed"))["backing-filename"]!);
    }

    [Fact]
    public async Task Rebase_NamesTheParentFromTheImagesFolder()
    {
        await MakeAsync();
        Directory.CreateDirectory(_cli.PathOf("sub"));
        await _cli.OkAsync("rename", "-q", "top.qed", "sub/top.qed");

        await _cli.OkAsync("rebase", "--allow", ".", "-b", "../base.qed", "sub/top.qed");

        Assert.Equal("../base.qed", (string)(await InfoAsync("sub/top.qed"))["backing-filename"]!);
        await _cli.QemuImgOkAsync("compare", "-F", "raw", "sub/top.qed", "expected.raw");
    }

    [Theory]
    [InlineData("rebase top.qed", "-b is missing")]
    [InlineData("rebase -b gone.qed -F qed top.qed", "gone.qed")]
    [InlineData("rebase -b base.qed -F qed gone.qed", "gone.qed")]
    [InlineData("rebase -b other.raw top.qed", "-F")]
    [InlineData("rebase -u -b gone.qed top.qed", "-F")]
    public async Task Rebase_ThatQemuImgRefusesToo_IsOneLine_AndChangesNothing(string line, string reason)
    {
        await MakeAsync();
        string before = await SumAsync();

        Assert.Contains(reason, await _cli.FailAsync(1, line.Split(' ')), StringComparison.Ordinal);

        Assert.Equal(before, await SumAsync());
        // It finds out after it has copied.
        (await _cli.QemuImgAsync(line.Split(' '))).ShouldExitWith(1);
    }

    [Theory]
    [InlineData("rebase -b top.qed top.qed", "its own parent")]
    [InlineData("rebase -b above.qed mid.qed", "above.qed")]
    [InlineData("rebase -b /etc/passwd -F raw top.qed", "--allow")]
    public async Task Rebase_ThatCannotBe_IsRefused_AndChangesNothing(string line, string reason)
    {
        await MakeAsync();
        await _cli.OkAsync("create", "-q", "-b", "mid.qed", "-F", "qed", "above.qed");
        string before = await SumAsync();

        Assert.Contains(reason, await _cli.FailAsync(1, line.Split(' ')), StringComparison.Ordinal);

        Assert.Equal(before, await SumAsync());
    }

    [Fact]
    public async Task Flatten_WithoutItsParent_NamesTheWayOut()
    {
        await MakeAsync();
        File.Delete(_cli.PathOf("mid.qed"));

        string error = await _cli.FailAsync(1, "flatten", "top.qed");

        Assert.Contains("mid.qed", error, StringComparison.Ordinal);
        Assert.Contains("qedvd rebase -u", error, StringComparison.Ordinal);
    }

    private async Task MakeAsync()
    {
        await _cli.OkAsync("create", "-q", "base.qed", "4M");
        await _cli.OkAsync("create", "-q", "-b", "base.qed", "-F", "qed", "mid.qed");
        await _cli.OkAsync("create", "-q", "-b", "mid.qed", "-F", "qed", "top.qed", "6M");
        await _cli.QemuIoAsync("base.qed", "write -P 1 0 1M");
        await _cli.QemuIoAsync("mid.qed", "write -P 2 512k 1M");
        await _cli.QemuIoAsync("top.qed", "write -P 3 1M 100k", "write -P 4 5M 64k");
        await _cli.OkAsync("convert", "-O", "raw", "top.qed", "expected.raw");
        await File.WriteAllBytesAsync(_cli.PathOf("other.raw"), new byte[1 << 20]);
    }

    private async Task<JsonNode> InfoAsync(string file) => JsonNode.Parse(await _cli.QemuImgOkAsync("info", "--output=json", file))!;

    private async Task<string> SumAsync() => (await _cli.ShellAsync("sha256sum *.qed *.raw")).Output;
}
