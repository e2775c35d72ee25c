using System.Buffers.Binary;
using QedVd.TestKit;

namespace QedVd.Cli.Tests;

public sealed class CheckTests : IDisposable
{
    private readonly Cli _cli = new();

    public void Dispose() => _cli.Dispose();

    [Theory]
    [InlineData("clean", 0)]
    [InlineData("leak", 3)]
    [InlineData("corrupt", 2)]
    public async Task Check_InJson_SaysAllThatQemuImgSays_WithItsExitCode(string kind, int exitCode)
    {
        await MakeAsync(kind);

        ToolRun peer = (await _cli.QemuImgAsync("check", "-f", "qed", "--output=json", "a.qed")).ShouldExitWith(exitCode);
        ToolRun ours = (await _cli.RunAsync("check", "--output=json", "a.qed")).ShouldExitWith(exitCode);

        Json.ShouldSayAllThat(peer.Output, ours.Output);
        Assert.Empty(ours.Error);
    }

    [Theory]
    [InlineData("clean", 0)]
    [InlineData("leak", 3)]
    [InlineData("corrupt", 2)]
    public async Task Check_AsText_EndsWithQemuImgsLines(string kind, int exitCode)
    {
        await MakeAsync(kind);

        ToolRun peer = (await _cli.QemuImgAsync("check", "-f", "qed", "a.qed")).ShouldExitWith(exitCode);
        ToolRun ours = (await _cli.RunAsync("check", "-f", "qed", "a.qed")).ShouldExitWith(exitCode);

        Assert.EndsWith(peer.Output, ours.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("clean", null)]
    [InlineData("leak", "qedvd check -r leaks a.qed;")]
    [InlineData("corrupt", "qedvd check -r all a.qed;")]
    public async Task Check_ThatFoundSomething_NamesTheRepair(string kind, string? advice)
    {
        await MakeAsync(kind);

        string said = (await _cli.RunAsync("check", "a.qed")).Output;

        Assert.Equal(advice is not null, said.Contains("-r", StringComparison.Ordinal));
        Assert.Contains(advice ?? "No errors", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Check_ChangesNothing()
    {
        await MakeAsync("corrupt");
        byte[] before = await File.ReadAllBytesAsync(_cli.PathOf("a.qed"));

        (await _cli.RunAsync("check", "a.qed")).ShouldExitWith(2);

        Assert.Equal(before, await File.ReadAllBytesAsync(_cli.PathOf("a.qed")));
        Assert.Equal(["a.qed"], _cli.Files);
    }

    [Fact]
    public async Task Check_Quietly_OnlyItsExitCodeTells()
    {
        await MakeAsync("leak");

        ToolRun run = (await _cli.RunAsync("check", "-q", "a.qed")).ShouldExitWith(3);

        Assert.Empty(run.Output);
        Assert.Empty(run.Error);
    }

    [Fact]
    public async Task Check_OfRaw_Is63()
    {
        await File.WriteAllBytesAsync(_cli.PathOf("a.raw"), new byte[4096]);
        (await _cli.QemuImgAsync("check", "-f", "raw", "a.raw")).ShouldExitWith(63);

        await _cli.FailAsync(63, "check", "-f", "raw", "a.raw");
    }

    [Theory]
    [InlineData("check -r some a.qed", "neither leaks nor all")]
    [InlineData("check --dry-run a.qed", "-r")]
    [InlineData("check -r all -U a.qed", "-U")]
    [InlineData("check -r leaks --max-findings x a.qed", "--max-findings")]
    public async Task Check_AskedForWhatMakesNoSense_IsRefused(string line, string reason)
    {
        await MakeAsync("leak");
        byte[] before = await File.ReadAllBytesAsync(_cli.PathOf("a.qed"));

        Assert.Contains(reason, await _cli.FailAsync(1, line.Split(' ')), StringComparison.Ordinal);

        Assert.Equal(before, await File.ReadAllBytesAsync(_cli.PathOf("a.qed")));
    }

    private async Task MakeAsync(string kind)
    {
        const int ClusterBytes = 64 << 10;
        await _cli.QemuImgOkAsync("create", "-q", "-f", "qed", "a.qed", "4M");
        await _cli.QemuIoAsync("a.qed", "write -P 1 0 200k", "write -P 2 1M 64k", "write -z 2M 64k");
        byte[] image = await File.ReadAllBytesAsync(_cli.PathOf("a.qed"));
        switch (kind)
        {
            case "leak":
                Array.Resize(ref image, image.Length + (2 * ClusterBytes));
                break;
            case "corrupt":
                int l2 = (int)BinaryPrimitives.ReadInt64LittleEndian(image.AsSpan(ClusterBytes));
                BinaryPrimitives.WriteInt64LittleEndian(image.AsSpan(l2 + 8), BinaryPrimitives.ReadInt64LittleEndian(image.AsSpan(l2 + 8)) + 5);
                break;
        }

        await File.WriteAllBytesAsync(_cli.PathOf("a.qed"), image);
    }
}
