using System.Text.Json.Nodes;
using QedVd.TestKit;

namespace QedVd.Cli.Tests;

public sealed class ResizeTests : IDisposable
{
    private readonly Cli _cli = new();

    public void Dispose() => _cli.Dispose();

    [Theory]
    [InlineData("16M", 16 << 20)]
    [InlineData("+1M", 9 << 20)]
    [InlineData("+512", (8 << 20) + 512)]
    [InlineData("8M", 8 << 20)]
    public async Task Resize_ToMore_ReadsAsBefore_AndZerosBehind(string size, long expected)
    {
        await MakeAsync();

        Assert.Equal("Image resized.\n", await _cli.OkAsync("resize", "a.qed", size));

        Assert.Equal(expected, await SizeAsync("a.qed"));
        await _cli.QemuIoAsync("a.qed", "read -P 0x5A 0 4M", $"read -P 0 4M {expected - (4 << 20)}");
        await _cli.QemuImgOkAsync("check", "-f", "qed", "a.qed");
    }

    [Theory]
    [InlineData("-7M", 1 << 20)]
    [InlineData("3M", 3 << 20)]
    [InlineData("70144", 70144)]
    public async Task Resize_ToLess_WithShrink_KeepsWhatIsInside(string size, long expected)
    {
        await MakeAsync();

        await _cli.OkAsync("resize", "--shrink", "-f", "qed", "a.qed", size);

        Assert.Equal(expected, await SizeAsync("a.qed"));
        await _cli.QemuIoAsync("a.qed", $"read -P 0x5A 0 {expected}");

        // QEMU has put the table behind the data: the room before it is a hole that nothing refers to.
        await _cli.OkAsync("check", "-q", "-r", "leaks", "a.qed");
        await _cli.QemuImgOkAsync("check", "-f", "qed", "a.qed");

        // What was cut off does not come back.
        await _cli.OkAsync("resize", "a.qed", "8M");
        await _cli.QemuIoAsync("a.qed", $"read -P 0x5A 0 {expected}", $"read -P 0 {expected} {(8 << 20) - expected}");
    }

    [Fact]
    public async Task Resize_OfAnOverlay_DoesNotShowWhatALongerParentHolds()
    {
        await MakeAsync();
        await _cli.OkAsync("create", "-b", "a.qed", "-F", "qed", "top.qed", "1M");
        (await _cli.QemuImgAsync("resize", "-f", "qed", "top.qed", "2M")).ShouldExitWith(1);

        await _cli.OkAsync("resize", "top.qed", "6M");

        await _cli.QemuIoAsync("top.qed", "read -P 0x5A 0 1M", "read -P 0 1M 5M");
        await _cli.QemuImgOkAsync("check", "-f", "qed", "top.qed");
    }

    [Fact]
    public async Task Resize_OfRaw_ChangesItsFile()
    {
        await File.WriteAllBytesAsync(_cli.PathOf("a.raw"), new byte[8192]);

        await _cli.OkAsync("resize", "-f", "raw", "a.raw", "1M");
        await _cli.OkAsync("resize", "-f", "raw", "--shrink", "a.raw", "-1020k");

        Assert.Equal(4096, new FileInfo(_cli.PathOf("a.raw")).Length);
    }

    [Theory]
    [InlineData("resize a.qed 4M", "--shrink")]
    [InlineData("resize a.qed -1M", "--shrink")]
    [InlineData("resize a.qed 8193k1", "8193k1")]
    [InlineData("resize a.qed 16777217", "multiple of 512")]
    [InlineData("resize a.qed +511", "multiple of 512")]
    [InlineData("resize --shrink a.qed 0", "0 bytes")]
    [InlineData("resize --shrink a.qed -9M", "-1048576 bytes")]
    [InlineData("resize a.qed +-1M", "+-1M")]
    [InlineData("resize a.qed --1M", "--1M")]
    [InlineData("resize a.qed +8E", "+8E")]
    [InlineData("resize a.qed", "SIZE")]
    [InlineData("resize --preallocation=full a.qed 16M", "full")]
    [InlineData("resize -U a.qed 16M", "-U")]
    [InlineData("resize a.raw 16M", "-f")]
    [InlineData("resize a.qed 1E", "a.qed")]
    public async Task Resize_ThatCannotBe_IsRefused_AndChangesNothing(string line, string reason)
    {
        await MakeAsync();
        await File.WriteAllBytesAsync(_cli.PathOf("a.raw"), new byte[8192]);
        byte[] before = await File.ReadAllBytesAsync(_cli.PathOf("a.qed"));

        Assert.Contains(reason, await _cli.FailAsync(1, line.Split(' ')), StringComparison.Ordinal);

        Assert.Equal(before, await File.ReadAllBytesAsync(_cli.PathOf("a.qed")));
    }

    [Fact]
    public async Task Resize_QuietlyAndWithProgress()
    {
        await MakeAsync();

        Assert.Empty(await _cli.OkAsync("resize", "-q", "a.qed", "+1M"));
        Assert.EndsWith("(100.00/100%)\r\nImage resized.\n", await _cli.OkAsync("resize", "-p", "--preallocation=off", "a.qed", "+1M"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Resize_InJson_SaysBothSizes()
    {
        await MakeAsync();

        JsonNode said = JsonNode.Parse(await _cli.OkAsync("resize", "-p", "--output=json", "a.qed", "+1M"))!;

        Assert.Equal(("a.qed", 8L << 20, 9L << 20), ((string)said["filename"]!, (long)said["virtual-size-before"]!, (long)said["virtual-size"]!));
    }

    private async Task MakeAsync()
    {
        await _cli.QemuImgOkAsync("create", "-q", "-f", "qed", "a.qed", "8M");
        await _cli.QemuIoAsync("a.qed", "write -P 0x5A 0 4M");
    }

    private async Task<long> SizeAsync(string file) =>
        (long)JsonNode.Parse(await _cli.QemuImgOkAsync("info", "-f", "qed", "--output=json", file))!["virtual-size"]!;
}
