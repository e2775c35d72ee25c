using QedVd.TestKit;

namespace QedVd.Cli.Tests;

public sealed class ReadWriteTests : IDisposable
{
    private readonly Cli _cli = new();

    public void Dispose() => _cli.Dispose();

    [Fact]
    public async Task Read_ThroughAChain_GivesWhatQemuImgConverts()
    {
        await _cli.MakeChainAsync();
        await _cli.QemuImgOkAsync("convert", "-O", "raw", "top.qed", "all.raw");

        await _cli.OkAsync("read", "top.qed", "--offset", "100k", "--length", "2M", "-o", "part");

        byte[] all = await File.ReadAllBytesAsync(_cli.PathOf("all.raw"));
        Assert.Equal(all[(100 << 10)..((100 << 10) + (2 << 20))], await File.ReadAllBytesAsync(_cli.PathOf("part")));
    }

    [Fact]
    public async Task Read_ToStandardOutput_GivesTheSameBytes()
    {
        await _cli.MakeChainAsync();

        (await _cli.ShellAsync("$Q read --offset=64k top.qed --length 128k > a && $Q read top.qed --offset 64k --length 128k -o b && cmp a b")).ShouldExitWith(0);
    }

    [Fact]
    public async Task Write_FromStandardInputAndFromAFile_IsReadByQemu()
    {
        await _cli.MakeChainAsync();
        byte[] before = await File.ReadAllBytesAsync(_cli.PathOf("mid.qed"));
        byte[] bytes = new byte[300_001];
        new Random(2).NextBytes(bytes);
        await File.WriteAllBytesAsync(_cli.PathOf("in"), bytes);

        (await _cli.ShellAsync("cat in | $Q write top.qed --offset 1000")).ShouldExitWith(0);
        await _cli.OkAsync("write", "top.qed", "--offset", "2M", "-i", "in");

        await _cli.QemuImgOkAsync("check", "-f", "qed", "top.qed");
        await _cli.QemuImgOkAsync("convert", "-O", "raw", "top.qed", "all.raw");
        byte[] all = await File.ReadAllBytesAsync(_cli.PathOf("all.raw"));
        Assert.Equal(bytes, all[1000..(1000 + bytes.Length)]);
        Assert.Equal(bytes, all[(2 << 20)..((2 << 20) + bytes.Length)]);
        Assert.Equal(0x5A, all[999]);
        Assert.Equal(before, await File.ReadAllBytesAsync(_cli.PathOf("mid.qed")));
    }

    [Theory]
    [InlineData("INT", 130)]
    [InlineData("TERM", 143)]
    [InlineData("HUP", 129)]
    public async Task Write_InterruptedWhileItWaitsForInput_Stops_WithASoundImage(string signal, int exitCode)
    {
        await _cli.QemuImgOkAsync("create", "-q", "-f", "qed", "a.qed", "64M");

        // No byte ever comes; the signal does, as soon as the process has the image open.
        ToolRun run = await _cli.ShellAsync(
            $"""
            set -m # else the shell starts it with SIGINT ignored
            mkfifo in; exec 3<>in
            $Q write a.qed --offset 0 < in & p=$!
            until ls -l /proc/$p/fd 2> /dev/null | grep -q a.qed; do sleep 0.05; done
            kill -{signal} $p; wait $p; echo $?; rm in
            """);

        Assert.Equal($"{exitCode}", run.ShouldExitWith(0).Output.Trim());
        await _cli.QemuImgOkAsync("check", "-f", "qed", "a.qed");
    }

    [Theory]
    [InlineData("INT", 130)]
    [InlineData("TERM", 143)]
    [InlineData("HUP", 129)]
    public async Task Write_InterruptedWhileNobodyWritesToItsFifo_Stops(string signal, int exitCode)
    {
        await _cli.QemuImgOkAsync("create", "-q", "-f", "qed", "a.qed", "64M");

        // Opening a FIFO waits for its writer, and there is none. (A process that will not stop is killed, and its exit code tells.)
        ToolRun run = await _cli.ShellAsync(
            $"""
            set -m # else the shell starts it with SIGINT ignored
            mkfifo in
            export DOTNET_EnableDiagnostics=0 # it would wait for a FIFO of its own
            $Q write a.qed -i in & p=$!
            for i in $(seq 100); do grep -qs wait_for_partner /proc/$p/task/*/wchan && break; sleep 0.05; done
            kill -{signal} $p; (sleep 20; kill -KILL $p) > /dev/null & k=$!
            wait $p; echo $?; kill -- -$k; rm in
            """);

        Assert.Equal($"{exitCode}", run.ShouldExitWith(0).Output.Trim());
        Assert.Contains("interrupted", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Write_OfAnImageIntoItself_IsRefused()
    {
        await _cli.QemuImgOkAsync("create", "-q", "-f", "qed", "a.qed", "64M");
        File.CreateSymbolicLink(_cli.PathOf("link"), "a.qed");

        Assert.Contains("itself", await _cli.FailAsync(1, "write", "a.qed", "-i", "a.qed"), StringComparison.Ordinal);
        Assert.Contains("itself", await _cli.FailAsync(1, "write", "a.qed", "-i", "link"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Write_ThatDoesNotFit_WritesNothing()
    {
        await _cli.QemuImgOkAsync("create", "-q", "-f", "qed", "a.qed", "64k");
        await File.WriteAllBytesAsync(_cli.PathOf("in"), new byte[(64 << 10) + 1]);
        byte[] before = await File.ReadAllBytesAsync(_cli.PathOf("a.qed"));

        Assert.Contains("nothing was written", await _cli.FailAsync(1, "write", "a.qed", "-i", "in"), StringComparison.Ordinal);

        Assert.Equal(before, await File.ReadAllBytesAsync(_cli.PathOf("a.qed")));
    }

    [Fact]
    public async Task Read_OutsideOfTheDisk_IsRefused_AndLeavesNothing()
    {
        await _cli.QemuImgOkAsync("create", "-q", "-f", "qed", "a.qed", "64k");

        Assert.Contains("65536", await _cli.FailAsync(1, "read", "a.qed", "--offset", "64k", "--length", "1", "-o", "out"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Read_ToAnExistingFile_IsRefused_UnlessOverwriting()
    {
        await _cli.QemuImgOkAsync("create", "-q", "-f", "qed", "a.qed", "64k");
        await File.WriteAllTextAsync(_cli.PathOf("out"), "precious");

        await _cli.FailAsync(1, "read", "a.qed", "-o", "out");
        Assert.Equal("precious", await File.ReadAllTextAsync(_cli.PathOf("out")));

        await _cli.OkAsync("read", "a.qed", "-o", "out", "--overwrite");
        Assert.Equal(new byte[64 << 10], await File.ReadAllBytesAsync(_cli.PathOf("out")));
        Assert.Contains("plain file", (await _cli.RunAsync("read", "a.qed", "-o", "/dev/null", "--overwrite")).ShouldExitWith(1).Error.Replace("regular file", "plain file"), StringComparison.Ordinal);
        Assert.Equal(2, (await _cli.RunAsync("read", "a.qed", "-o", "/dev/null")).Error.Split('\n').Length);
    }

    [Fact]
    public async Task Read_ToATerminal_IsRefused()
    {
        await _cli.QemuImgOkAsync("create", "-q", "-f", "qed", "a.qed", "64k");
        Peers.Require("script");

        ToolRun run = await _cli.ShellAsync("script -qec \"$Q read a.qed\" /dev/null");

        Assert.Contains("terminal", run.ShouldExitWith(1).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Read_IntoAFullDevice_SaysSo()
    {
        await _cli.QemuImgOkAsync("create", "-q", "-f", "qed", "a.qed", "64k");

        ToolRun run = await _cli.ShellAsync("$Q read a.qed > /dev/full");

        run.ShouldExitWith(1);
        Assert.Contains("No space left", run.Error, StringComparison.Ordinal);
    }
}
