using QedVd.TestKit;

namespace QedVd.Cli.Tests;

/// <summary>A temporary folder, and the command line and its peers run in it.</summary>
public sealed class Cli : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("qedvd-cli-tests-");

    public string Folder => _folder.FullName;

    public string PathOf(string name) => Path.Combine(Folder, name);

    /// <summary>What lies in the folder, sorted.</summary>
    public string[] Files => [.. Directory.GetFileSystemEntries(Folder).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal)];

    public void Dispose() => _folder.Delete(recursive: true);

    public Task<ToolRun> RunAsync(params string[] arguments) => ToolRun.RunAsync(Checkout.CommandLine, arguments, Folder);

    public async Task<string> OkAsync(params string[] arguments) => (await RunAsync(arguments)).ShouldExitWith(0).Output;

    /// <summary>Runs, and expects one line on the error output that names the verb, and nothing left behind.</summary>
    public async Task<string> FailAsync(int exitCode, params string[] arguments)
    {
        string[] before = Files;
        ToolRun run = (await RunAsync(arguments)).ShouldExitWith(exitCode);
        string[] lines = run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.True(lines.Length == 1, $"'{run.CommandLine}' should say one line, and said:\n{run.Error}");
        Assert.StartsWith($"qedvd: {arguments[0]}: ", lines[0], StringComparison.Ordinal);
        Assert.DoesNotContain("unexpected error", lines[0], StringComparison.Ordinal);
        Assert.Equal(before, Files);
        return lines[0];
    }

    /// <summary>Runs a shell line with the command line program as <c>$Q</c>.</summary>
    public Task<ToolRun> ShellAsync(string line) => ToolRun.RunAsync("/bin/bash", ["-c", line.Replace("$Q", $"'{Checkout.CommandLine}'", StringComparison.Ordinal)], Folder);

    public async Task<ToolRun> QemuImgAsync(params string[] arguments) => await ToolRun.RunAsync(Peers.Require("qemu-img"), arguments, Folder);

    public async Task<string> QemuImgOkAsync(params string[] arguments) => (await QemuImgAsync(arguments)).ShouldExitWith(0).Output;

    public async Task QemuIoAsync(string file, params string[] commands) =>
        (await ToolRun.RunAsync(Peers.Require("qemu-io"), ["-f", "qed", .. commands.SelectMany(command => new[] { "-c", command }), file], Folder)).ShouldExitWith(0);

    /// <summary>base.raw (1 MiB) under mid.qed (2 MiB) under top.qed (3 MiB), each with something of its own; made by QEMU.</summary>
    public async Task MakeChainAsync()
    {
        byte[] raw = new byte[1 << 20];
        raw.AsSpan(0, 8192).Fill(0x5A);
        await File.WriteAllBytesAsync(PathOf("base.raw"), raw);
        await QemuImgOkAsync("create", "-q", "-f", "qed", "-b", "base.raw", "-F", "raw", "mid.qed", "2M");
        await QemuIoAsync("mid.qed", "write -P 0x11 64k 200k", "write -z 512k 64k", "write -P 0x33 1500k 4k");
        await QemuImgOkAsync("create", "-q", "-f", "qed", "-b", "mid.qed", "-F", "qed", "top.qed", "3M");
        await QemuIoAsync("top.qed", "write -P 0x22 128k 4k", "write -z 1984k 64k", "write -P 0x44 2500k 4k");
    }
}
