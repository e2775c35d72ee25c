using QedVd.TestKit;

namespace QedVd.Cli.Tests;

/// <summary>Commands that write much begin to make it durable on the way: what is left for the end would be as long as all of it takes.</summary>
public sealed class EarlyBarrierTests : IDisposable
{
    private readonly Cli _cli = new();

    public void Dispose() => _cli.Dispose();

    [Theory]
    [InlineData("convert -f qed -O qed top.qed new.qed", true)]
    [InlineData("convert -t unsafe -f qed -O qed top.qed new.qed", false)]
    [InlineData("commit -d -q top.qed", true)]
    [InlineData("commit -t unsafe -d -q top.qed", false)]
    [InlineData("merge -q --keep --direction down top.qed", true)]
    public async Task Command_ThatWritesMuch_BeginsToMakeItDurable_BeforeAllIsWritten(string line, bool isDurable)
    {
        Peers.Require("strace");
        await _cli.QemuImgOkAsync("create", "-q", "-f", "qed", "base.qed", "200M");
        await _cli.QemuImgOkAsync("create", "-q", "-f", "qed", "-b", "base.qed", "-F", "qed", "top.qed");

        // What is there already is written in place: no tables, and so no barriers before the end.
        (await _cli.ShellAsync("for file in base top; do qemu-io -f qed -c 'write -P 7 0 160M' $file.qed || exit 1; done")).ShouldExitWith(0);
        string script =
            $$"""
            strace -f -s 0 -o trace -e trace=pwrite64,pwritev,fdatasync $Q {{line}} || exit 1
            awk '/fdatasync\(/ { syncs++ }
                 /pwrite/ && / = [0-9]+$/ && $NF >= 65536 { if (!writes++) first = syncs; last = syncs }
                 END { print (writes > 100 ? last - first : "no writes") }' trace
            """;

        ToolRun run = (await _cli.ShellAsync(script)).ShouldExitWith(0);

        Assert.InRange(int.Parse(run.Output, System.Globalization.CultureInfo.InvariantCulture), isDurable ? 1 : 0, isDurable ? int.MaxValue : 0);
    }
}
