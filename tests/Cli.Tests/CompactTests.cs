using System.Text.Json.Nodes;
using QedVd.TestKit;

namespace QedVd.Cli.Tests;

public sealed class CompactTests : IDisposable
{
    private readonly Cli _cli = new();

    public void Dispose() => _cli.Dispose();

    [Fact]
    public async Task Compact_AfterATrim_MakesTheFileShort_AndTheDiskReadsTheSame()
    {
        await MakeAsync("a.qed");
        await _cli.OkAsync("trim", "-q", "a.qed", "--offset", "1M", "--length", "2M");
        long before = Length("a.qed");

        string said = await _cli.OkAsync("compact", "a.qed");

        Assert.Equal(before - (2 << 20), Length("a.qed"));
        Assert.Contains($"({before} -> {Length("a.qed")} bytes), 2 MiB given back", said, StringComparison.Ordinal);
        await _cli.QemuIoAsync("a.qed", "read -P 0x5A 0 1M", "read -P 0 1M 2M", "read -P 0x5A 3M 1M", "read -P 0 4M 4M");
        await _cli.QemuImgOkAsync("check", "-f", "qed", "a.qed");
    }

    [Fact]
    public async Task Compact_InJson_SaysWhatTheFileTookAndTakes()
    {
        await MakeAsync("a.qed");
        await _cli.QemuIoAsync("a.qed", "write -P 0 0 2M");
        long before = Length("a.qed");

        JsonNode said = JsonNode.Parse(await _cli.OkAsync("compact", "--output=json", "a.qed"))!;

        Assert.Equal("a.qed", (string)said["filename"]!);
        Assert.Equal(before, (long)said["file-length-before"]!);
        Assert.Equal(before - (2 << 20), (long)said["file-length"]!);
        Assert.Equal(Length("a.qed"), (long)said["file-length"]!);
    }

    [Fact]
    public async Task Compact_KeepingZeros_DoesNotLookForThem()
    {
        await MakeAsync("a.qed");
        await _cli.QemuIoAsync("a.qed", "write -P 0 0 2M");
        long before = Length("a.qed");

        Assert.Contains("as before", await _cli.OkAsync("compact", "--keep-zeros", "a.qed"), StringComparison.Ordinal);
        Assert.Equal(before, Length("a.qed"));
        await _cli.OkAsync("compact", "-q", "a.qed");
        Assert.Equal(before - (2 << 20), Length("a.qed"));
    }

    [Fact]
    public async Task Compact_DroppingWhatEqualsTheParent_ReadsTheSame()
    {
        await MakeAsync("base.qed");
        await _cli.OkAsync("create", "-b", "base.qed", "-F", "qed", "top.qed");
        await _cli.QemuIoAsync("top.qed", "write -P 0x5A 0 1M", "write -P 0x66 2M 1M");
        long before = Length("top.qed");

        await _cli.OkAsync("compact", "-q", "top.qed");
        Assert.Equal(before, Length("top.qed"));
        await _cli.OkAsync("compact", "-q", "--drop-equal-to-parent", "top.qed");

        Assert.Equal(before - (1 << 20), Length("top.qed"));
        await _cli.QemuIoAsync("top.qed", "read -P 0x5A 0 2M", "read -P 0x66 2M 1M", "read -P 0x5A 3M 1M");
    }

    [Fact]
    public async Task Compact_OfRaw_IsRefused()
    {
        await File.WriteAllBytesAsync(_cli.PathOf("a.raw"), new byte[8192]);

        Assert.Contains("raw", await _cli.FailAsync(1, "compact", "-f", "raw", "a.raw"), StringComparison.Ordinal);
    }

    private long Length(string file) => new FileInfo(_cli.PathOf(file)).Length;

    private async Task MakeAsync(string file)
    {
        await _cli.QemuImgOkAsync("create", "-q", "-f", "qed", file, "8M");
        await _cli.QemuIoAsync(file, "write -P 0x5A 0 4M");
    }
}
