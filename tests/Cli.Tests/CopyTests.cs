using System.Text.Json.Nodes;
using QedVd.TestKit;

namespace QedVd.Cli.Tests;

public sealed class CopyTests : IDisposable
{
    private readonly Cli _cli = new();

    public void Dispose() => _cli.Dispose();

    [Fact]
    public async Task Copy_OfAChain_IsTheSameChain()
    {
        await _cli.MakeChainAsync();
        Directory.CreateDirectory(_cli.PathOf("copy"));

        JsonNode said = JsonNode.Parse(await _cli.OkAsync("copy", "-p", "--output=json", "top.qed", "copy"))!;

        Assert.Equal(["copy/top.qed", "copy/mid.qed", "copy/base.raw"], said["copies"]!.AsArray().Select(image => (string)image!["filename"]!));
        Json.ShouldSayAllThat(
            (await _cli.ShellAsync("cd copy; qemu-img info --backing-chain --output=json top.qed")).ShouldExitWith(0).Output,
            said["copies"]!.ToJsonString(),
            "filename", "full-backing-filename", "actual-size");
        foreach (string file in (string[])["top.qed", "mid.qed"])
        {
            await _cli.QemuImgOkAsync("compare", file, $"copy/{file}");
            await _cli.QemuImgOkAsync("check", "-q", "-f", "qed", $"copy/{file}");
            string diff = await _cli.OkAsync("diff", "--output=json", file);
            Assert.Equal(diff, (await _cli.OkAsync("diff", "--output=json", $"copy/{file}")).Replace("copy/", "", StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task Copy_OfTheUpperLevels_GoesOnNamingTheRest()
    {
        await _cli.MakeChainAsync();
        Directory.CreateDirectory(_cli.PathOf("copy"));

        string said = await _cli.OkAsync("copy", "--levels", "1", "top.qed", "copy");

        Assert.StartsWith("copy/top.qed  qed, 3 MiB", said, StringComparison.Ordinal);
        Assert.Equal(["top.qed"], Directory.GetFiles(_cli.PathOf("copy")).Select(Path.GetFileName));
        await _cli.QemuImgOkAsync("compare", "top.qed", "copy/top.qed");
    }

    [Fact]
    public async Task Copy_OverFilesThatExist_IsRefused_UnlessOverwriting()
    {
        await _cli.MakeChainAsync();
        Directory.CreateDirectory(_cli.PathOf("copy"));
        await File.WriteAllTextAsync(_cli.PathOf("copy/mid.qed"), "precious");

        Assert.Contains("--overwrite", await _cli.FailAsync(1, "copy", "top.qed", "copy"), StringComparison.Ordinal);
        Assert.Equal(["mid.qed"], Directory.GetFiles(_cli.PathOf("copy")).Select(Path.GetFileName));
        Assert.Empty(await _cli.OkAsync("copy", "-q", "--overwrite", "top.qed", "copy"));
        await _cli.QemuImgOkAsync("compare", "top.qed", "copy/top.qed");
    }

    [Theory]
    [InlineData("copy top.qed gone", "make the folder first")]
    [InlineData("copy top.qed mid.qed", "is a file")]
    [InlineData("copy --levels 0 top.qed folder", "--levels")]
    [InlineData("copy --levels some top.qed folder", "some")]
    [InlineData("copy top.qed", "FOLDER is missing")]
    [InlineData("copy --overwrite top.qed .", "top.qed")]
    public async Task Copy_ThatCannotBe_IsRefused_AndChangesNothing(string line, string reason)
    {
        await _cli.MakeChainAsync();
        Directory.CreateDirectory(_cli.PathOf("folder"));
        string before = (await _cli.ShellAsync("sha256sum *.*")).Output;

        Assert.Contains(reason, await _cli.FailAsync(1, line.Split(' ')), StringComparison.Ordinal);

        Assert.Equal(before, (await _cli.ShellAsync("sha256sum *.*")).Output);
        Assert.Empty(Directory.GetFiles(_cli.PathOf("folder")));
    }

    [Theory]
    [InlineData("measure -O raw top.qed")]
    [InlineData("measure top.qed")]
    [InlineData("measure -O raw --size 1G")]
    public async Task Measure_SaysWhatQemuImgSays(string line)
    {
        await _cli.MakeChainAsync();

        Assert.Equal(await _cli.QemuImgOkAsync(line.Split(' ')), await _cli.OkAsync(line.Split(' ')));
        string[] json = [.. line.Split(' '), "--output=json"];
        Json.ShouldSayAllThat(await _cli.QemuImgOkAsync(json), await _cli.OkAsync(json));
    }

    [Theory]
    [InlineData("-O qed")]
    [InlineData("-O qed -o cluster_size=4k,table_size=2")]
    [InlineData("-O qed -B mid.qed")]
    public async Task Measure_OfQed_IsWhatTheConversionMakes_AtMost(string options)
    {
        await _cli.MakeChainAsync();

        JsonNode said = JsonNode.Parse(await _cli.OkAsync(["measure", .. options.Split(' '), "--output=json", "top.qed"]))!;
        await _cli.OkAsync(["convert", "-S", "1M", .. options.Split(' '), "top.qed", "new.qed"]);

        Assert.InRange(new FileInfo(_cli.PathOf("new.qed")).Length, 1, (long)said["required"]!);
        Assert.InRange((long)said["fully-allocated"]!, (3L << 20) + 1, 4L << 20);
    }

    [Theory]
    [InlineData("measure -O raw", "FILE is missing")]
    [InlineData("measure -O raw --size 1G top.qed", "together")]
    [InlineData("measure -O raw --size big", "big")]
    [InlineData("measure -O none top.qed", "none")]
    [InlineData("measure gone.qed", "gone.qed")]
    public async Task Measure_ThatQemuImgRefusesToo_IsOneLine(string line, string reason)
    {
        await _cli.MakeChainAsync();
        (await _cli.QemuImgAsync(line.Split(' '))).ShouldExitWith(1);

        Assert.Contains(reason, await _cli.FailAsync(1, line.Split(' ')), StringComparison.Ordinal);
    }

    [Fact]
    public async Task CompareAll_ListsEveryRangeThatDiffers()
    {
        await _cli.MakeChainAsync();

        ToolRun json = (await _cli.RunAsync("compare", "--all", "--output=json", "top.qed", "mid.qed")).ShouldExitWith(1);
        ToolRun text = (await _cli.RunAsync("compare", "--all", "top.qed", "mid.qed")).ShouldExitWith(1);

        Assert.Equal([(131072L, 4096L), (2560000, 4096)], JsonNode.Parse(json.Output)!.AsArray().Select(range => ((long)range!["start"]!, (long)range["length"]!)));
        Assert.Equal("Offset          Length\n0x20000         0x1000\n0x271000        0x1000\nWarning: Image size mismatch!\n2 ranges differ, 8192 bytes in all.\n", text.Output);
        await _cli.OkAsync("snapshot", "-q", "top.qed", "same.qed");
        await _cli.OkAsync("snapshot", "-q", "top.qed", "one.qed");
        await _cli.QemuIoAsync("one.qed", "write -P 0x77 0 64k");
        Assert.Contains("\n1 range differs, 65536 bytes in all.\n", (await _cli.RunAsync("compare", "--all", "top.qed", "one.qed")).ShouldExitWith(1).Output, StringComparison.Ordinal);
        Assert.Equal("Offset          Length\nImages are identical.\n", await _cli.OkAsync("compare", "--all", "-s", "top.qed", "same.qed"));
        Assert.Equal("[]\n", await _cli.OkAsync("compare", "--all", "--output=json", "top.qed", "same.qed"));
        await _cli.FailAsync(2, "compare", "--all", "top.qed", "gone.qed");
    }
}
