using System.Text.RegularExpressions;
using QedVd.TestKit;

namespace QedVd.Cli.Tests;

public sealed partial class BenchTests : IDisposable
{
    private readonly Cli _cli = new();

    public void Dispose() => _cli.Dispose();

    [Theory]
    [InlineData("-c 100 -d 1 a.qed")]
    [InlineData("-c 100 -d 7 a.qed -s 4096 -S 1000003 -o 12k")]
    [InlineData("-w -c 100 -d 1 --flush-interval 3 a.qed")]
    [InlineData("-w -c 100 -d 8 --flush-interval 9 -s 512 --pattern 7 a.qed")]
    [InlineData("-w --no-drain -c 100 -d 8 --flush-interval=9 -S 131072 -s 64k a.qed")]
    [InlineData("-c 0 a.qed")]
    public async Task Bench_PrintsWhatQemuImgPrints(string arguments)
    {
        string[] all = ["bench", "-f", "qed", "-t", "writeback", .. arguments.Split(' ')];
        await _cli.QemuImgOkAsync("create", "-q", "-f", "qed", "a.qed", "64M");

        string peer = await _cli.QemuImgOkAsync(all);
        ToolRun ours = (await _cli.RunAsync(all)).ShouldExitWith(0);

        Assert.Equal(Seconds().Replace(peer, "S"), Seconds().Replace(ours.Output, "S"));
        Assert.Empty(ours.Error);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(8)]
    public async Task Bench_Writes_WhereQemuImgWrites(int depth)
    {
        string[] bench = ["bench", "-w", "-f", "qed", "-t", "writeback", "-c", "50", "-d", $"{depth}", "-s", "8192", "-S", "1327104", "--pattern", "170", "-o", "8192"];
        await _cli.QemuImgOkAsync("create", "-q", "-f", "qed", "peer.qed", "16M");
        await _cli.QemuImgOkAsync("create", "-q", "-f", "qed", "ours.qed", "16M");

        await _cli.QemuImgOkAsync([.. bench, "peer.qed"]);
        await _cli.OkAsync([.. bench, "ours.qed"]);

        await _cli.QemuImgOkAsync("compare", "-f", "qed", "-F", "qed", "peer.qed", "ours.qed");
        await _cli.QemuImgOkAsync("check", "-f", "qed", "ours.qed");
        Assert.NotEqual(0, new FileInfo(_cli.PathOf("ours.qed")).Length);
    }

    [Theory]
    [InlineData("--flush-interval 4 a.qed", "-w")]
    [InlineData("-w -d 4 --flush-interval 3 a.qed", "depth")]
    [InlineData("-s 128M a.qed", "134217728")]
    [InlineData("-o 64M a.qed", "67108864")]
    [InlineData("-t fast a.qed", "fast")]
    [InlineData("-c many a.qed", "many")]
    [InlineData("--pattern 256 -w a.qed", "256")]
    public async Task Bench_WithAMistake_NamesIt(string arguments, string named)
    {
        await _cli.QemuImgOkAsync("create", "-q", "-f", "qed", "a.qed", "64M");

        Assert.Contains(named, await _cli.FailAsync(1, ["bench", .. arguments.Split(' ')]), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Bench_SaysWhatItDoesNotHonour()
    {
        await _cli.QemuImgOkAsync("create", "-q", "-f", "qed", "a.qed", "64M");

        ToolRun run = (await _cli.RunAsync("bench", "-n", "-i", "io_uring", "-t", "none", "-c", "10", "a.qed")).ShouldExitWith(0);

        string[] lines = run.Error.Trim().Split('\n');
        Assert.Equal(3, lines.Length);
        Assert.All(["-n", "-i io_uring", "-t none"], option => Assert.Contains(lines, line => line.Contains(option, StringComparison.Ordinal)));
    }

    [GeneratedRegex(@"\d+\.\d{3}(?= seconds\.)")]
    private static partial Regex Seconds();
}
