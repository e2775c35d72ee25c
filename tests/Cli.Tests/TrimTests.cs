using System.Text.Json.Nodes;
using QedVd.TestKit;

namespace QedVd.Cli.Tests;

public sealed class TrimTests : IDisposable
{
    private readonly Cli _cli = new();

    public void Dispose() => _cli.Dispose();

    [Fact]
    public async Task Trim_OfARange_GivesItsRoomBack_AndTouchesNothingElse()
    {
        await MakeAsync();

        string said = await _cli.OkAsync("trim", "a.qed", "--offset", "1M", "--length", "2M");

        Assert.Contains("Discarded 2 MiB at 1048576 (2097152 bytes).", said, StringComparison.Ordinal);
        Assert.Contains("2 MiB given back", said, StringComparison.Ordinal);
        await _cli.QemuIoAsync("a.qed", "read -P 0x5A 0 1M", "read -P 0 1M 2M", "read -P 0x5A 3M 1M");
        await _cli.QemuImgOkAsync("check", "-f", "qed", "a.qed");
    }

    [Fact]
    public async Task Trim_OfAll_InJson_SaysWhatTheFileTookAndTakes()
    {
        await MakeAsync();

        JsonNode said = JsonNode.Parse(await _cli.OkAsync("trim", "--all", "--output=json", "a.qed"))!;
        JsonNode info = JsonNode.Parse(await _cli.OkAsync("info", "--output=json", "a.qed"))!;

        Assert.Equal(8 << 20, (long)said["length"]!);
        Assert.Equal((long)info["actual-size"]!, (long)said["actual-size"]!);
        Assert.Equal((long)info["file-length"]!, (long)said["file-length"]!);
        // A file system may take a block or two of its own to note the holes.
        Assert.True((long)said["actual-size-before"]! - (long)said["actual-size"]! >= (4 << 20) - (64 << 10), said.ToJsonString());
        await _cli.QemuIoAsync("a.qed", "read -P 0 0 8M");
    }

    [Fact]
    public async Task Trim_OfAnOverlay_LeavesTheParentAlone()
    {
        await MakeAsync();
        await _cli.OkAsync("create", "-b", "a.qed", "-F", "qed", "top.qed");
        await _cli.QemuIoAsync("top.qed", "write -P 0x66 0 128k");
        byte[] parent = await File.ReadAllBytesAsync(_cli.PathOf("a.qed"));

        await _cli.OkAsync("trim", "-q", "--length", "128k", "top.qed");

        await _cli.QemuIoAsync("top.qed", "read -P 0 0 128k", "read -P 0x5A 128k 512k");
        Assert.Equal(parent, await File.ReadAllBytesAsync(_cli.PathOf("a.qed")));
    }

    [Theory]
    [InlineData("trim a.qed", "--all")]
    [InlineData("trim --offset 1M a.qed", "--length")]
    [InlineData("trim --all --length 1M a.qed", "leave")]
    [InlineData("trim --offset 8M --length 512 a.qed", "not inside the disk of 8388608 bytes")]
    [InlineData("trim --length 1X a.qed", "1X")]
    [InlineData("trim -U --all a.qed", "-U")]
    [InlineData("trim --all gone.qed", "gone.qed")]
    public async Task Trim_OfWhatIsNotClear_IsRefused_AndChangesNothing(string line, string reason)
    {
        await MakeAsync();
        byte[] before = await File.ReadAllBytesAsync(_cli.PathOf("a.qed"));

        Assert.Contains(reason, await _cli.FailAsync(1, line.Split(' ')), StringComparison.Ordinal);

        Assert.Equal(before, await File.ReadAllBytesAsync(_cli.PathOf("a.qed")));
    }

    [Fact]
    public async Task Trim_WithProgress_EndsAtHundredPercent_AndQuietlySaysNothing()
    {
        await MakeAsync();

        Assert.Contains("(100.00/100%)", await _cli.OkAsync("trim", "-p", "--length", "1M", "a.qed"), StringComparison.Ordinal);
        Assert.Empty(await _cli.OkAsync("trim", "-q", "-p", "--length", "1M", "a.qed"));
    }

    private async Task MakeAsync()
    {
        await _cli.QemuImgOkAsync("create", "-q", "-f", "qed", "a.qed", "8M");
        await _cli.QemuIoAsync("a.qed", "write -P 0x5A 0 4M");
    }
}
