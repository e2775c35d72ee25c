using QedVd.TestKit;

namespace QedVd.Cli.Tests;

public sealed class DemoTests : IDisposable
{
    private readonly Cli _cli = new();

    public void Dispose() => _cli.Dispose();

    [Fact]
    public async Task Demo_OfTheSample_IsAllGood_AndLeavesNothing()
    {
        ToolRun run = (await _cli.ShellAsync($"TMPDIR='{_cli.Folder}' $Q demo")).ShouldExitWith(0);

        Assert.DoesNotContain("NOT OK", run.Output, StringComparison.Ordinal);
        Assert.Contains("3 levels", run.Output, StringComparison.Ordinal);
        Assert.Contains("found 3 leaks, repaired 3;", run.Output, StringComparison.Ordinal);
        Assert.Contains("ok: compacted in place: the file had 4.62 MiB and has 640 KiB;", run.Output, StringComparison.Ordinal);
        Assert.Contains("ok: committed: ", run.Output, StringComparison.Ordinal);
        Assert.Contains("ok: merged: the two overlays are one", run.Output, StringComparison.Ordinal);
        Assert.Equal(2, run.Output.Split("what was written reads as written").Length - 1);
        Assert.Contains("unchanged, same length, time and SHA-256", run.Output, StringComparison.Ordinal);
        Assert.Empty(_cli.Files);
    }

    [Theory]
    [InlineData("top.qed", "5 levels")]
    [InlineData("base.raw", "3 levels")]
    public async Task Demo_OfAnImageOfOnesOwn_DoesNotChangeItsChain(string image, string expected)
    {
        await _cli.MakeChainAsync();
        string before = (await _cli.ShellAsync("sha256sum *; stat -c '%Y %s %n' *")).Output;

        string told = await _cli.OkAsync("demo", image);

        Assert.Contains(expected, told, StringComparison.Ordinal);
        Assert.DoesNotContain("NOT OK", told, StringComparison.Ordinal);
        Assert.Equal(before, (await _cli.ShellAsync("sha256sum *; stat -c '%Y %s %n' *")).Output);
    }

    [Theory]
    [InlineData(512)]
    [InlineData(70_144)]
    [InlineData(1_048_576)]
    public async Task Demo_OfASmallImage_Works(int sizeBytes)
    {
        await _cli.QemuImgOkAsync("create", "-q", "-f", "qed", "a.qed", $"{sizeBytes}");

        Assert.DoesNotContain("NOT OK", await _cli.OkAsync("demo", "a.qed"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Demo_OfWhatIsNoImage_SaysSo()
    {
        Assert.Contains("gone.qed", (await _cli.RunAsync("demo", "gone.qed")).ShouldExitWith(1).Error, StringComparison.Ordinal);
    }
}
