using System.Text.Json.Nodes;
using QedVd.TestKit;

namespace QedVd.Cli.Tests;

public sealed class InfoTests : IDisposable
{
    private readonly Cli _cli = new();

    public void Dispose() => _cli.Dispose();

    [Theory]
    [InlineData("top.qed")]
    [InlineData("mid.qed")]
    public async Task Info_InJson_SaysAllThatQemuImgSays(string file)
    {
        await _cli.MakeChainAsync();

        Json.ShouldSayAllThat(await _cli.QemuImgOkAsync("info", "--output=json", file), await _cli.OkAsync("info", "--output=json", file));
    }

    [Fact]
    public async Task Info_OfARawFile_InJson_SaysAllThatQemuImgSays()
    {
        await _cli.MakeChainAsync();

        Json.ShouldSayAllThat(await _cli.QemuImgOkAsync("info", "--output=json", "-f", "raw", "base.raw"), await _cli.OkAsync("info", "base.raw", "-f", "raw", "--output", "json"));
    }

    [Theory]
    [InlineData("--backing-chain")]
    [InlineData("--chain")]
    public async Task Info_OfAChain_InJson_SaysAllThatQemuImgSays(string option)
    {
        await _cli.MakeChainAsync();

        Json.ShouldSayAllThat(await _cli.QemuImgOkAsync("info", "--output=json", "--backing-chain", "top.qed"), await _cli.OkAsync("info", "top.qed", option, "--output=json"));
    }

    [Fact]
    public async Task Info_OfAnImageInAnotherFolder_SpellsNamesAsQemuImgDoes()
    {
        await _cli.MakeChainAsync();
        string up = Path.GetFileName(_cli.Folder) + "/top.qed";
        string parent = Path.GetDirectoryName(_cli.Folder)!;

        ToolRun peer = (await ToolRun.RunAsync(Peers.Require("qemu-img"), ["info", "--backing-chain", "--output=json", up], parent)).ShouldExitWith(0);
        ToolRun ours = (await ToolRun.RunAsync(Checkout.CommandLine, ["info", "--backing-chain", "--output=json", up], parent)).ShouldExitWith(0);

        Json.ShouldSayAllThat(peer.Output, ours.Output);
    }

    [Fact]
    public async Task Info_AsText_BeginsAsQemuImgDoes()
    {
        await _cli.MakeChainAsync();

        string peer = await _cli.QemuImgOkAsync("info", "--backing-chain", "top.qed");

        Assert.Equal(peer, await _cli.OkAsync("info", "--backing-chain", "top.qed"));
    }

    [Fact]
    public async Task Info_OfAFlaggedImage_SaysSo_WhereQemuImgDoesNot()
    {
        await _cli.QemuImgOkAsync("create", "-q", "-f", "qed", "a.qed", "1M");
        using (FileStream file = File.OpenWrite(_cli.PathOf("a.qed")))
        {
            file.Position = 16;
            file.WriteByte(2); // NEED_CHECK
        }

        Assert.True(JsonNode.Parse(await _cli.OkAsync("info", "--output=json", "a.qed"))!["dirty-flag"]!.GetValue<bool>());
        Assert.Contains("dirty: yes", await _cli.OkAsync("info", "a.qed"), StringComparison.Ordinal);
        Assert.Equal(2, (await File.ReadAllBytesAsync(_cli.PathOf("a.qed")))[16]);
    }

    [Fact]
    public async Task Info_WithAMissingParent_Works_AndWithTheChainNamesIt()
    {
        await _cli.QemuImgOkAsync("create", "-q", "-f", "qed", "-u", "-b", "gone.qed", "-F", "qed", "a.qed", "1M");

        Assert.Contains("backing file: gone.qed", await _cli.OkAsync("info", "a.qed"), StringComparison.Ordinal);
        string error = await _cli.FailAsync(1, "info", "--chain", "a.qed");
        Assert.Contains("gone.qed", error, StringComparison.Ordinal);
        Assert.Contains("--missing-parent", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Info_OfAParentNameWithControlCharacters_ShowsNoneOfThem()
    {
        await _cli.QemuImgOkAsync("create", "-q", "-f", "qed", "-u", "-b", "evil\u001b[31m\u202e\nname", "-F", "qed", "a.qed", "1M");

        string text = await _cli.OkAsync("info", "a.qed");
        string json = await _cli.OkAsync("info", "--output=json", "a.qed");

        Assert.Contains(@"evil\u{1b}[31m\u{202e}\u{a}name", text, StringComparison.Ordinal);
        Assert.DoesNotContain(json, character => character is not '\n' and (< ' ' or > '~'));
        Assert.Equal("evil\u001b[31m\u202e\nname", JsonNode.Parse(json)!["backing-filename"]!.GetValue<string>());
    }

    [Fact]
    public async Task Info_OfAnImageThatIsBeingWritten_IsRefused_UnlessShared()
    {
        await _cli.QemuImgOkAsync("create", "-q", "-f", "qed", "a.qed", "1M");
        using var writer = new RunningQemuIo(_cli, "a.qed");

        string error = await _cli.FailAsync(1, "info", "a.qed");

        Assert.Contains("a.qed", error, StringComparison.Ordinal);
        Assert.Contains("file format: qed", await _cli.OkAsync("info", "-U", "a.qed"), StringComparison.Ordinal);
    }
}
