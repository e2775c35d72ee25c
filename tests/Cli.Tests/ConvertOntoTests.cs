using System.Text.Json.Nodes;
using QedVd.TestKit;

namespace QedVd.Cli.Tests;

/// <summary>Conversions over a parent and into images that exist.</summary>
public sealed class ConvertOntoTests : IDisposable
{
    private readonly Cli _cli = new();

    public void Dispose() => _cli.Dispose();

    [Theory]
    [InlineData("-B mid.qed -F qed", "mid.qed")]
    [InlineData("-B mid.qed", "mid.qed")]
    [InlineData("-B base.raw -F raw", "base.raw")]
    [InlineData("-o backing_file=base.raw,backing_fmt=raw", "base.raw")]
    public async Task Convert_OntoAParent_StoresWhatDiffers_AndReadsTheSameForQemuImg(string options, string parent)
    {
        await _cli.MakeChainAsync();

        await _cli.OkAsync(["convert", "-O", "qed", .. options.Split(' '), "top.qed", "new.qed"]);

        await _cli.QemuImgOkAsync("compare", "top.qed", "new.qed");
        await _cli.QemuImgOkAsync("check", "-q", "-f", "qed", "new.qed");
        Assert.Equal(parent, (string)JsonNode.Parse(await _cli.QemuImgOkAsync("info", "--output=json", "new.qed"))!["backing-filename"]!);
        Assert.DoesNotContain("\"start\": 0,", await _cli.OkAsync("diff", "--output=json", "new.qed"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Convert_OntoAParent_NamesItFromTheTargetsFolder()
    {
        await _cli.MakeChainAsync();
        Directory.CreateDirectory(_cli.PathOf("sub"));

        await _cli.OkAsync("convert", "-O", "qed", "-B", "../mid.qed", "top.qed", "sub/new.qed");

        await _cli.QemuImgOkAsync("compare", "top.qed", "sub/new.qed");
        Assert.Equal("../mid.qed", (string)JsonNode.Parse(await _cli.OkAsync("info", "--output=json", "sub/new.qed"))!["backing-filename"]!);
    }

    [Theory]
    [InlineData("raw", "-O raw")]
    [InlineData("qed", "-O qed")]
    [InlineData("qed", "-m 4 -W")]
    public async Task Convert_IntoAnImageThatExists_LeavesItThere_AndReadsTheSame(string format, string options)
    {
        await _cli.MakeChainAsync();
        await _cli.QemuImgOkAsync("create", "-q", "-f", format, "target", "3M");
        if (format == "qed")
        {
            // What was there before must not show through the source's zeros.
            await _cli.QemuIoAsync("target", "write -P 0x77 0 3M");
        }

        JsonNode said = JsonNode.Parse(await _cli.OkAsync(["convert", "-n", .. options.Split(' '), "--output=json", "top.qed", "target"]))!;

        Assert.Equal(("top.qed", "target", 3L << 20), ((string)said["filename"]!, (string)said["target"]!, (long)said["virtual-size"]!));
        await _cli.QemuImgOkAsync("compare", "-f", "qed", "-F", format, "top.qed", "target");
    }

    [Theory]
    [InlineData("convert -n -O raw top.qed nosuch", "nosuch")]
    [InlineData("convert -n -O raw top.qed base.raw", "base.raw")]
    [InlineData("convert -n -O raw top.qed small.raw", "small.raw")]
    [InlineData("convert -m 17 -O raw top.qed out", "-m")]
    [InlineData("convert -m 0 -O raw top.qed out", "-m")]
    [InlineData("convert -O qed -B gone.qed -F qed top.qed out", "gone.qed")]
    [InlineData("convert -O raw -B mid.qed -F qed top.qed out", "raw")]
    public async Task Convert_ThatQemuImgRefusesToo_IsOneLine_AndChangesNothing(string line, string reason)
    {
        await MakeWithSmallAsync();
        string before = await SumAsync();

        Assert.Contains(reason, await _cli.FailAsync(1, line.Split(' ')), StringComparison.Ordinal);

        Assert.Equal(before, await SumAsync());
        (await _cli.QemuImgAsync(line.Split(' '))).ShouldExitWith(1);
    }

    [Theory]
    [InlineData("convert -O qed -B base.raw top.qed out", "-F")]
    [InlineData("convert -O qed -F qed top.qed out", "-B")]
    [InlineData("convert -O qed -B mid.qed -o backing_file=mid.qed top.qed out", "twice")]
    [InlineData("convert -n -B mid.qed top.qed small.raw", "-B")]
    [InlineData("convert -n --overwrite -O raw top.qed small.raw", "--overwrite")]
    [InlineData("convert -n -o cluster_size=4k -O qed top.qed small.raw", "-o")]
    [InlineData("convert -O qed --overwrite -B mid.qed top.qed mid.qed", "mid.qed")]
    public async Task Convert_ThatMakesNoSense_IsRefused_AndChangesNothing(string line, string reason)
    {
        await MakeWithSmallAsync();
        string before = await SumAsync();

        Assert.Contains(reason, await _cli.FailAsync(1, line.Split(' ')), StringComparison.Ordinal);

        Assert.Equal(before, await SumAsync());
    }

    private async Task MakeWithSmallAsync()
    {
        await _cli.MakeChainAsync();
        await File.WriteAllBytesAsync(_cli.PathOf("small.raw"), new byte[512]);
    }

    private async Task<string> SumAsync() => (await _cli.ShellAsync("sha256sum *")).Output;
}
