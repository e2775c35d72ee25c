using System.Text.Json.Nodes;
using QedVd.TestKit;

namespace QedVd.Cli.Tests;

public sealed class MapTests : IDisposable
{
    private readonly Cli _cli = new();

    public void Dispose() => _cli.Dispose();

    [Theory]
    [InlineData("top.qed")]
    [InlineData("mid.qed")]
    public async Task Map_InJson_IsQemuImgs(string file)
    {
        await _cli.MakeChainAsync();

        Assert.Equal(await _cli.QemuImgOkAsync("map", "--output=json", "-f", "qed", file), await _cli.OkAsync("map", "-f", "qed", "--output=json", file));
    }

    [Fact]
    public async Task Map_AsText_IsQemuImgs()
    {
        await _cli.MakeChainAsync();

        Assert.Equal(await _cli.QemuImgOkAsync("map", "top.qed"), await _cli.OkAsync("map", "top.qed"));
    }

    [Fact]
    public async Task Map_OfTheSampleWithoutHoles_IsQemuImgs()
    {
        await File.WriteAllBytesAsync(_cli.PathOf("a.qed"), await File.ReadAllBytesAsync(Checkout.PathOf("samples", "images", "qemu-64m.qed")));

        Assert.Equal(await _cli.QemuImgOkAsync("map", "a.qed"), await _cli.OkAsync("map", "a.qed"));
    }

    [Fact]
    public async Task Map_OfADataClusterThatIsAHole_SaysZero_AndWhereItLies()
    {
        await _cli.QemuImgOkAsync("create", "-q", "-f", "qed", "a.qed", "64k");
        await _cli.QemuIoAsync("a.qed", "write -P 1 0 64k");
        long cluster = JsonNode.Parse(await _cli.QemuImgOkAsync("map", "--output=json", "a.qed"))![0]!["offset"]!.GetValue<long>();
        (await _cli.ShellAsync($"fallocate -p -o {cluster} -l 65536 a.qed")).ShouldExitWith(0);

        string map = await _cli.OkAsync("map", "--output=json", "a.qed");

        Assert.Equal($$"""[{ "start": 0, "length": 65536, "depth": 0, "present": true, "zero": true, "data": false, "offset": {{cluster}}}]""", map.Trim());
    }

    [Fact]
    public async Task Map_OfAPart_IsQemuImgs()
    {
        await _cli.MakeChainAsync();

        string peer = await _cli.QemuImgOkAsync("map", "--output=json", "--start-offset=100k", "--max-length=1M", "top.qed");

        Assert.Equal(peer, await _cli.OkAsync("map", "top.qed", "--output=json", "--start-offset=100k", "--max-length=1M"));
    }

    [Fact]
    public async Task Read_WhenTheReaderLeaves_EndsQuietly()
    {
        await _cli.QemuImgOkAsync("create", "-q", "-f", "qed", "a.qed", "64M");

        ToolRun run = (await _cli.ShellAsync("$Q read a.qed | head -c 1 > /dev/null; echo ${PIPESTATUS[0]}")).ShouldExitWith(0);

        Assert.Empty(run.Error);
        Assert.Equal("141", run.Output.Trim());
    }
}
