using QedVd.TestKit;

namespace QedVd.Cli.Tests;

public sealed class CreateTests : IDisposable
{
    private readonly Cli _cli = new();

    public void Dispose() => _cli.Dispose();

    [Theory]
    [InlineData("a.qed 64M")]
    [InlineData("a.qed 1T -o cluster_size=1M,table_size=16")]
    [InlineData("-o size=12800,cluster_size=4k a.qed")]
    [InlineData("a.qed 1.5G")]
    public async Task Create_MakesWhatQemuImgMakes(string arguments)
    {
        string[] split = arguments.Split(' ');
        string peer = await _cli.QemuImgOkAsync(["create", "-f", "qed", .. split]);
        string peerInfo = await _cli.QemuImgOkAsync("info", "--output=json", "a.qed");
        File.Delete(_cli.PathOf("a.qed"));

        string ours = await _cli.OkAsync(["create", "-f", "qed", .. split]);

        Assert.Equal(peer[..peer.IndexOf(" cluster_size", StringComparison.Ordinal)], ours[..ours.IndexOf(" cluster_size", StringComparison.Ordinal)]);
        Json.ShouldSayAllThat(peerInfo, await _cli.QemuImgOkAsync("info", "--output=json", "a.qed"), "actual-size");
        await _cli.QemuImgOkAsync("check", "-f", "qed", "a.qed");
    }

    [Fact]
    public async Task Create_OverAParent_MakesWhatQemuImgMakes()
    {
        await _cli.MakeChainAsync();

        Assert.Equal(
            await _cli.QemuImgOkAsync("create", "-f", "qed", "-b", "base.raw", "-F", "raw", "over.qed"),
            (await _cli.OkAsync("create", "--overwrite", "-f", "qed", "-b", "base.raw", "-F", "raw", "over.qed")));

        Assert.Contains("identical", await _cli.QemuImgOkAsync("compare", "-f", "raw", "-F", "qed", "base.raw", "over.qed"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Create_WithAParentButNoFormat_NamesTheFormatToGive()
    {
        await _cli.MakeChainAsync();

        Assert.Contains("-F qed", await _cli.FailAsync(1, "create", "-b", "top.qed", "over.qed"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a.qed", "SIZE")]
    [InlineData("", "FILE")]
    [InlineData("a.qed 1X", "1X")]
    [InlineData("a.qed -1", "-1")]
    [InlineData("a.qed 1M -o cluster_size=5", "cluster_size")]
    [InlineData("a.qed 1M -o clustersize=4k", "clustersize")]
    [InlineData("a.qed 1M -o cluster_size=4k,cluster_size=4k", "twice")]
    [InlineData("a.qed 1M 2M", "2M")]
    [InlineData("a.qed 1M -f vhdx", "vhdx")]
    [InlineData("a.qed -b gone.qed -F qed", "gone.qed")]
    [InlineData("a.qed -b a.qed -F qed", "a.qed")]
    [InlineData("a.qed 1M -F qed", "-F")]
    [InlineData("gone/a.qed 1M", "gone")]
    public async Task Create_WithAMistake_NamesIt_AndLeavesNothing(string arguments, string named)
    {
        Assert.Contains(named, await _cli.FailAsync(1, ["create", .. arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries)]), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Create_Help_ListsTheOptionsOfTheFormats()
    {
        string help = await _cli.OkAsync("create", "--help");

        Assert.Contains("cluster_size=SIZE", help, StringComparison.Ordinal);
        Assert.Contains("table_size=", help, StringComparison.Ordinal);
        Assert.Contains("cluster_size=SIZE", await _cli.OkAsync("create", "-f", "qed", "-o", "help"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Snapshot_FreezesTheImage_AndReadsTheSame()
    {
        await _cli.MakeChainAsync();
        byte[] before = await File.ReadAllBytesAsync(_cli.PathOf("top.qed"));

        await _cli.OkAsync("snapshot", "top.qed", "new.qed");
        (await _cli.ShellAsync("echo changed | $Q write new.qed --offset 1M")).ShouldExitWith(0);

        Assert.Equal(before, await File.ReadAllBytesAsync(_cli.PathOf("top.qed")));
        (await _cli.QemuImgAsync("compare", "top.qed", "new.qed")).ShouldExitWith(1);
        Assert.Contains("\"backing-filename\": \"top.qed\"", await _cli.QemuImgOkAsync("info", "--output=json", "new.qed"), StringComparison.Ordinal);
        await _cli.FailAsync(1, "snapshot", "top.qed", "new.qed");
        await _cli.FailAsync(1, "snapshot", "gone.qed", "other.qed");
    }

    [Fact]
    public async Task Create_OnAFullVolume_SaysSo_AndLeavesNothing()
    {
        Peers.Require("unshare");
        ToolRun run = await ToolRun.RunAsync(
            "unshare",
            ["-rm", "/bin/bash", "-c", $"mount -t tmpfs -o size=128k none '{_cli.Folder}' || exit 77; cd '{_cli.Folder}'; '{Checkout.CommandLine}' create a.qed 64M; echo $?; ls -A"]);
        if (run.ExitCode == 77 || run.Error.StartsWith("unshare:", StringComparison.Ordinal))
        {
            Assert.Skip("This machine lets no one make a mount namespace of their own.");
        }

        Assert.Equal("1", run.Output.Trim());
        Assert.Single(run.Error.Trim().Split('\n'));
        Assert.StartsWith("qedvd: create: ", run.Error, StringComparison.Ordinal);
    }
}
