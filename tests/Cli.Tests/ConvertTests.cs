using QedVd.TestKit;

namespace QedVd.Cli.Tests;

public sealed class ConvertTests : IDisposable
{
    private readonly Cli _cli = new();

    public void Dispose() => _cli.Dispose();

    [Theory]
    [InlineData("qed")]
    [InlineData("raw")]
    public async Task Convert_OfAChain_IsEqualForQemuImg_AndClean(string format)
    {
        await _cli.MakeChainAsync();

        await _cli.OkAsync("convert", "-f", "qed", "-O", format, "top.qed", "copy");

        Assert.Contains("identical", await _cli.QemuImgOkAsync("compare", "-f", "qed", "-F", format, "top.qed", "copy"), StringComparison.Ordinal);
        if (format == "qed")
        {
            await _cli.QemuImgOkAsync("check", "-f", "qed", "copy");
        }
    }

    [Theory]
    [InlineData("", true)]
    [InlineData("-t unsafe", false)]
    public async Task Convert_IsDurable_UnlessToldOtherwise(string options, bool isDurable)
    {
        Peers.Require("strace");
        await _cli.MakeChainAsync();

        ToolRun run = await _cli.ShellAsync($"strace -f -o trace -e trace=fsync,fdatasync,syncfs,sync_file_range $Q convert {options} -f qed -O raw top.qed copy.raw && grep -c sync trace");

        // One of an image that is still empty comes with its creation.
        Assert.Equal(isDurable, int.Parse(run.Output.Trim(), System.Globalization.CultureInfo.InvariantCulture) > 1);
        Assert.Contains("identical", await _cli.QemuImgOkAsync("compare", "-f", "qed", "-F", "raw", "top.qed", "copy.raw"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("raw", false)]
    [InlineData("raw", true)]
    [InlineData("qed", false)]
    [InlineData("qed", true)]
    public async Task Convert_WithSparseSizeZero_AllocatesAllOfTheTarget(string format, bool intoExisting)
    {
        const long SizeBytes = 3 << 20;
        await _cli.MakeChainAsync();
        if (intoExisting)
        {
            await _cli.QemuImgOkAsync("create", "-q", "-f", format, "copy", "3M");
        }

        await _cli.OkAsync(["convert", "-S", "0", "-f", "qed", "-O", format, .. (string[])(intoExisting ? ["-n"] : []), "top.qed", "copy"]);

        Assert.Contains("identical", await _cli.QemuImgOkAsync("compare", "-f", "qed", "-F", format, "top.qed", "copy"), StringComparison.Ordinal);
        string used = (await _cli.ShellAsync("stat -c %b copy")).ShouldExitWith(0).Output;
        Assert.True(long.Parse(used, System.Globalization.CultureInfo.InvariantCulture) * 512 >= SizeBytes, used);
    }

    [Fact]
    public async Task Convert_ThereAndBack_GivesTheSameBytes_AndStaysSparse()
    {
        const int SizeBytes = 32 << 20;
        byte[] bytes = new byte[SizeBytes];
        new Random(1).NextBytes(bytes.AsSpan(5 << 20, 1 << 20));
        bytes[SizeBytes - 1] = 7;
        await File.WriteAllBytesAsync(_cli.PathOf("a.raw"), bytes);

        await _cli.OkAsync("convert", "-f", "raw", "a.raw", "b.qed", "-O", "qed", "-o", "cluster_size=4096,table_size=2");
        await _cli.OkAsync("convert", "b.qed", "-O", "raw", "c.raw");

        Assert.Equal(bytes, await File.ReadAllBytesAsync(_cli.PathOf("c.raw")));
        Assert.True(new FileInfo(_cli.PathOf("b.qed")).Length < 2 << 20);
        string used = (await _cli.ShellAsync("stat -c %b c.raw")).ShouldExitWith(0).Output;
        Assert.True(long.Parse(used) * 512 < 2 << 20, used);
        await _cli.QemuImgOkAsync("check", "-f", "qed", "b.qed");
    }

    [Fact]
    public async Task Convert_ToAnExistingFile_IsRefused_UnlessOverwriting()
    {
        await _cli.MakeChainAsync();
        await File.WriteAllTextAsync(_cli.PathOf("copy"), "precious");

        Assert.Contains("--overwrite", await _cli.FailAsync(1, "convert", "-O", "raw", "top.qed", "copy"), StringComparison.Ordinal);
        Assert.Equal("precious", await File.ReadAllTextAsync(_cli.PathOf("copy")));

        await _cli.OkAsync("convert", "-O", "raw", "--overwrite", "top.qed", "copy");
        Assert.Equal(3 << 20, new FileInfo(_cli.PathOf("copy")).Length);
    }

    [Fact]
    public async Task Convert_OverAFileOfItsOwnChain_IsRefused()
    {
        await _cli.MakeChainAsync();
        byte[] before = await File.ReadAllBytesAsync(_cli.PathOf("base.raw"));

        await _cli.FailAsync(1, "convert", "-O", "raw", "--overwrite", "top.qed", "base.raw");

        Assert.Equal(before, await File.ReadAllBytesAsync(_cli.PathOf("base.raw")));
    }

    [Fact]
    public async Task Convert_WithProgress_EndsAtAHundred()
    {
        await _cli.MakeChainAsync();

        Assert.EndsWith("(100.00/100%)\r\n", await _cli.OkAsync("convert", "-p", "-O", "raw", "top.qed", "copy"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Convert_ThatIsInterrupted_Stops_AndLeavesNothing()
    {
        Peers.Require("strace");
        byte[] bytes = new byte[16 << 20];
        new Random(3).NextBytes(bytes);
        await File.WriteAllBytesAsync(_cli.PathOf("a.raw"), bytes);

        // Each write is held up, so that it cannot be done before the signal comes.
        ToolRun run = await _cli.ShellAsync(
            """
            set -m # else the shell starts it with SIGINT ignored
            strace -f -o /dev/null -e trace=pwrite64,pwritev,pwritev2 -e inject=pwrite64,pwritev,pwritev2:delay_enter=100000 $Q convert -q -f raw -O qed a.raw b.qed & s=$!
            until p=$(cat /proc/$s/task/$s/children) && [ -n "$p" ] && ls -l /proc/${p% }/fd 2> /dev/null | grep -q a.raw; do sleep 0.05; done
            kill -INT $p; wait $s; echo $?
            """);

        Assert.Equal("130", run.ShouldExitWith(0).Output.Trim());
        Assert.Equal("qedvd: convert: interrupted; nothing half made was left behind.", run.Error.Split('\n')[0]);
        Assert.Equal(["a.raw"], _cli.Files);
    }

    [Fact]
    public async Task Compare_EqualOrNot_IsSaidAsQemuImgSaysIt()
    {
        await _cli.MakeChainAsync();
        await _cli.QemuImgOkAsync("convert", "-O", "raw", "top.qed", "same.raw");
        File.Copy(_cli.PathOf("same.raw"), _cli.PathOf("longer.raw"));
        using (FileStream file = File.OpenWrite(_cli.PathOf("longer.raw")))
        {
            file.SetLength(4 << 20);
        }

        foreach ((string[] options, int exitCode) in new (string[], int)[]
        {
            (["-f", "qed", "-F", "raw", "top.qed", "same.raw"], 0),
            (["-f", "qed", "-F", "raw", "top.qed", "longer.raw"], 0),
            (["-s", "-f", "qed", "-F", "raw", "top.qed", "longer.raw"], 1),
            (["-f", "qed", "-F", "qed", "top.qed", "mid.qed"], 1),
            (["-q", "-f", "qed", "-F", "qed", "top.qed", "mid.qed"], 1),
        })
        {
            ToolRun peer = (await _cli.QemuImgAsync(["compare", .. options])).ShouldExitWith(exitCode);
            ToolRun ours = (await _cli.RunAsync(["compare", .. options])).ShouldExitWith(exitCode);
            Assert.Equal(peer.Output, ours.Output);
        }
    }

    [Fact]
    public async Task Compare_WithAnImageThatDoesNotOpen_Is2()
    {
        await _cli.MakeChainAsync();

        await _cli.FailAsync(2, "compare", "top.qed", "gone.qed");
        await _cli.FailAsync(1, "compare", "top.qed");
    }
}
