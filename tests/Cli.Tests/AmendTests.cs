using System.Text.Json.Nodes;
using QedVd.TestKit;

namespace QedVd.Cli.Tests;

/// <summary>The name of an image's parent, changed with the image and without it.</summary>
public sealed class AmendTests : IDisposable
{
    private readonly Cli _cli = new();

    public void Dispose() => _cli.Dispose();

    [Fact]
    public async Task Amend_ToAMovedParent_IsWhatQemuReads()
    {
        await _cli.MakeChainAsync();
        Directory.CreateDirectory(_cli.PathOf("bases"));
        await _cli.OkAsync("rename", "-q", "mid.qed", "bases/mid-2.qed");
        (await _cli.QemuImgAsync("map", "-f", "qed", "top.qed")).ShouldExitWith(1);

        string said = await _cli.OkAsync("amend", "-o", "backing_file=bases/mid-2.qed,backing_fmt=qed", "top.qed");

        Assert.Equal("top.qed: parent 'mid.qed' -> 'bases/mid-2.qed'\n", said);
        await _cli.QemuIoAsync("top.qed", "read -P 0x11 64k 64k", "read -P 0x22 128k 4k", "read -P 0x5A 0 8k");
    }

    [Fact]
    public async Task Amend_ToRaw_MarksIt_AndBack_TakesTheMarkAway()
    {
        await File.WriteAllBytesAsync(_cli.PathOf("base.raw"), [.. Enumerable.Repeat((byte)9, 65536)]);
        await _cli.OkAsync("create", "a.qed", "64k");

        await _cli.OkAsync("amend", "-o", "backing_file=base.raw,backing_fmt=raw", "a.qed");

        Assert.Equal("raw", (await InfoAsync())["backing-filename-format"]?.ToString());
        await _cli.QemuIoAsync("a.qed", "read -P 9 0 64k");

        // The name alone stays.
        await _cli.OkAsync("amend", "-u", "-o", "backing_fmt=qed", "a.qed");
        Assert.Null((await InfoAsync())["backing-filename-format"]);
        Assert.Equal("base.raw", (string)(await InfoAsync())["backing-filename"]!);
    }

    [Fact]
    public async Task Amend_ToNone_TakesTheParentAway()
    {
        await _cli.MakeChainAsync();

        Assert.Equal("top.qed: parent 'mid.qed' -> none\n", await _cli.OkAsync("amend", "-o", "backing_file=", "top.qed"));

        await _cli.QemuIoAsync("top.qed", "read -P 0 0 128k", "read -P 0x22 128k 4k");
    }

    [Fact]
    public async Task Amend_Absolutely_StoresTheFullPath()
    {
        await _cli.MakeChainAsync();

        await _cli.OkAsync("amend", "-q", "--absolute", "-o", "backing_file=base.raw,backing_fmt=raw", "top.qed");

        JsonNode info = JsonNode.Parse(await _cli.QemuImgOkAsync("info", "-f", "qed", "--output=json", "top.qed"))!;
        Assert.Equal(_cli.PathOf("base.raw"), (string)info["backing-filename"]!);
    }

    [Theory]
    [InlineData("amend top.qed", "-o is missing")]
    [InlineData("amend -o backing_file=base.raw top.qed", "amend: -o backing_file: the parent's format must be given with -o backing_fmt; it looks like -o backing_fmt=raw.")]
    [InlineData("amend -o backing_file=gone.qed,backing_fmt=qed top.qed", "-u")]
    [InlineData("amend -o backing_file=base.raw,backing_fmt=qed top.qed", "base.raw")]
    [InlineData("amend -o backing_file=top.qed,backing_fmt=qed top.qed", "its own parent")]
    [InlineData("amend -o backing_file=,backing_fmt=raw top.qed", "leave it out")]
    [InlineData("amend -o cluster_size=4k top.qed", "convert")]
    [InlineData("amend -o table_size=1 top.qed", "convert")]
    [InlineData("amend -o size=1G top.qed", "qedvd resize")]
    [InlineData("amend -o frobnicate=1 top.qed", "frobnicate")]
    [InlineData("amend -f raw -o backing_file=mid.qed,backing_fmt=qed base.raw", "raw")]
    public async Task Amend_OfWhatCannotBeChanged_IsRefused_WithTheWay(string line, string reason)
    {
        await _cli.MakeChainAsync();
        byte[] before = await File.ReadAllBytesAsync(_cli.PathOf("top.qed"));

        Assert.Contains(reason, await _cli.FailAsync(1, line.Split(' ')), StringComparison.Ordinal);

        Assert.Equal(before, await File.ReadAllBytesAsync(_cli.PathOf("top.qed")));
    }

    [Fact]
    public async Task Amend_ToANameThatDoesNotFit_SaysHowLongItMayBe()
    {
        await _cli.MakeChainAsync();
        byte[] before = await File.ReadAllBytesAsync(_cli.PathOf("top.qed"));

        string error = await _cli.FailAsync(1, "amend", "-u", "-o", $"backing_file={new string('x', 70_000)},backing_fmt=qed", "top.qed");

        Assert.True(error.Length < 1000, error);
        Assert.Equal(before, await File.ReadAllBytesAsync(_cli.PathOf("top.qed")));
    }

    [Fact]
    public async Task Amend_Help_ListsWhatCanBeChanged()
    {
        string help = await _cli.OkAsync("amend", "-o", "help");

        Assert.Contains("backing_file=", help, StringComparison.Ordinal);
        Assert.DoesNotContain("cluster_size", help, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rename_ToAnotherFolder_KeepsTheParent()
    {
        await _cli.MakeChainAsync();
        Directory.CreateDirectory(_cli.PathOf("other"));

        string said = await _cli.OkAsync("rename", "mid.qed", "other/mid.qed");

        Assert.Contains("Renamed 'mid.qed' to 'other/mid.qed'.", said, StringComparison.Ordinal);
        Assert.Contains("../base.raw", said, StringComparison.Ordinal);
        Assert.False(File.Exists(_cli.PathOf("mid.qed")));
        await _cli.QemuIoAsync("other/mid.qed", "read -P 0x5A 0 8k", "read -P 0x11 64k 64k");
    }

    [Fact]
    public async Task Rename_InItsFolder_ChangesNothingInTheImage()
    {
        await _cli.MakeChainAsync();
        byte[] before = await File.ReadAllBytesAsync(_cli.PathOf("top.qed"));

        Assert.Equal("Renamed 'top.qed' to 'new.qed'.\n", await _cli.OkAsync("rename", "top.qed", "new.qed"));

        Assert.Equal(before, await File.ReadAllBytesAsync(_cli.PathOf("new.qed")));
        Assert.Equal(["base.raw", "mid.qed", "new.qed"], _cli.Files);
    }

    [Theory]
    [InlineData("rename top.qed mid.qed", "--overwrite")]
    [InlineData("rename top.qed folder", "is a folder")]
    [InlineData("rename top.qed gone/new.qed", "gone")]
    [InlineData("rename gone.qed new.qed", "gone.qed")]
    public async Task Rename_ThatCannotBe_IsRefused_AndNothingMoves(string line, string reason)
    {
        await _cli.MakeChainAsync();
        Directory.CreateDirectory(_cli.PathOf("folder"));

        Assert.Contains(reason, await _cli.FailAsync(1, line.Split(' ')), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rename_OverAnother_ReplacesIt_UnlessItIsInUse()
    {
        await _cli.MakeChainAsync();
        await _cli.OkAsync("create", "-q", "other.qed", "1M");
        using (new RunningQemuIo(_cli, "other.qed"))
        {
            Assert.Contains("other.qed", await _cli.FailAsync(1, "rename", "--overwrite", "top.qed", "other.qed"), StringComparison.Ordinal);
        }

        await _cli.OkAsync("rename", "--overwrite", "top.qed", "other.qed");

        Assert.Equal(["base.raw", "mid.qed", "other.qed"], _cli.Files);
        await _cli.QemuIoAsync("other.qed", "read -P 0x22 128k 4k");
    }

    private async Task<JsonNode> InfoAsync() => JsonNode.Parse(await _cli.OkAsync("info", "--output=json", "a.qed"))!;
}
