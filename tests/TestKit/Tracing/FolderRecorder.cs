using Xunit;

namespace QedVd.TestKit;

/// <summary>Runs commands under strace, and says what they did to the files of a folder.</summary>
public static class FolderRecorder
{
    private const string Calls =
        "?open,?openat,?openat2,?creat,?close,?dup,?dup2,?dup3,?fcntl,?lseek,?write,?writev,?pwrite64,?pwritev,?pwritev2,?ftruncate,?truncate,?fallocate,?copy_file_range,"
        + "?ioctl,?fsync,?fdatasync,?rename,?renameat,?renameat2,?link,?linkat,?unlink,?unlinkat,?symlink,?symlinkat,?mkdir,?mkdirat,?rmdir";

    // Of a .NET program as little else as can be: its code is in no file of memory, and it opens no door to debuggers.
    private static readonly string[] s_quiet = ["DOTNET_EnableWriteXorExecute=0", "DOTNET_EnableDiagnostics=0", "DOTNET_TieredPGO=0"];

    /// <summary>
    /// Runs a command with the folder as its working folder, and fails unless it ends with <paramref name="exitCode"/>, and unless what was traced, carried
    /// out on what the folder held before, gives what it holds now.
    /// </summary>
    public static async Task<FolderTrace> RunAsync(string folder, string program, IReadOnlyList<string> arguments, int exitCode = 0)
    {
        string strace = Peers.Require("strace");
        string root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        var builder = new FolderTraceBuilder(root);
        builder.LookAtFolder();
        string log = Path.GetTempFileName();
        try
        {
            ToolRun run = await ToolRun.RunAsync(
                Peers.Require("env"),
                [.. s_quiet, strace, "-f", "--seccomp-bpf", "-qq", "-y", "-xx", "-s", "16777216", "-o", log, "-e", $"trace={Calls}", program, .. arguments],
                root).ConfigureAwait(false);
            run.ShouldExitWith(exitCode);
            FolderTrace trace = builder.Build(StraceLog.Parse(await File.ReadAllLinesAsync(log).ConfigureAwait(false)));
            ShouldBe(root, builder.Names, run.CommandLine, trace.Ambiguous);
            return trace;
        }
        finally
        {
            File.Delete(log);
        }
    }

    private static void ShouldBe(string root, IReadOnlyDictionary<string, TracedFile> names, string what, IReadOnlyList<string> ambiguous)
    {
        string[] there = [.. Directory.GetFiles(root, "*", new EnumerationOptions { AttributesToSkip = 0, RecurseSubdirectories = true }).Select(path => Path.GetRelativePath(root, path)).Order(StringComparer.Ordinal)];
        Assert.True(there.SequenceEqual(names.Keys.Order(StringComparer.Ordinal)), $"{what}: the folder holds {string.Join(", ", there)}, and what was traced leaves {string.Join(", ", names.Keys)}");
        foreach ((string name, TracedFile file) in names)
        {
            byte[] actual = File.ReadAllBytes(Path.Combine(root, name));
            byte[] traced = new byte[file.Now.LengthBytes];
            file.Now.Read(0, traced);
            int at = actual.AsSpan().CommonPrefixLength(traced);
            Assert.True(
                actual.Length == traced.Length && at == actual.Length,
                $"{what}: {name} of {actual.Length} bytes is, as it was traced, of {traced.Length}, and differs from byte {at}. Concurrent: {string.Join("; ", ambiguous)}");
        }
    }
}
