using System.Text;
using QedVd.TestKit;

namespace QedVd.Crashes.Tests.Recorded;

/// <summary>The importer of system calls, and the states that it leads to, on commands that anybody can judge.</summary>
public sealed class FolderCrashesTests : IDisposable
{
    private const string Old = "old old old";
    private const int Drawn = 2000;

    private readonly string _folder = Directory.CreateTempSubdirectory("qedvd-traced-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task RenameOverAFile_WithoutABarrier_MayLeaveItEmpty()
    {
        string[] left = await LeftOfAsync("printf 'new new' > t; mv t f");

        Assert.Equal(["", "\0\0\0\0\0\0\0", "new new", Old], left);
    }

    [Fact]
    public async Task RenameOverAFile_AfterItsBarrier_LeavesTheOldOneOrTheNew()
    {
        string[] left = await LeftOfAsync("printf 'new new' > t; sync t; mv t f");

        Assert.Equal(["new new", Old], left);
    }

    [Fact]
    public async Task NameThatWasTakenAway_WithoutABarrierOfTheFolder_MayBeThereAgain()
    {
        FolderTrace trace = await RecordAsync("rm f; sync -d g", ("g", "1"));

        Assert.Contains(States(trace), state => state.Position == trace.Events.Count && state.Names.ContainsKey("f"));
    }

    [Fact]
    public async Task NameThatWasTakenAway_AfterABarrierOfTheFolder_IsGone()
    {
        FolderTrace trace = await RecordAsync("rm f; sync .");

        Assert.DoesNotContain(States(trace), state => state.Position == trace.Events.Count && state.Names.ContainsKey("f"));
    }

    [Fact]
    public async Task TwoFiles_WithoutBarriers_AreLostEachByItself()
    {
        string[] left = [.. States(await RecordAsync("printf 1 > f; printf 2 > g", ("g", Old))).Select(state => $"{Text(state, "f")} {Text(state, "g")}").Distinct().Order(StringComparer.Ordinal)];

        Assert.Subset(left.ToHashSet(), new HashSet<string> { "1 2", $"1 {Old}", $"{Old} 2", $"{Old} {Old}" });
    }

    [Fact]
    public async Task SectorsOfOneWrite_ThatWasNotFlushed_AreLostEachByItself()
    {
        FolderTrace trace = await RecordAsync("dd if=/dev/zero of=f bs=1024 count=1 conv=notrunc status=none", ("f", new string('x', 1024)));

        string[] left = [.. States(trace).Select(state => Text(state, "f")).Distinct().Select(text => $"{text[0]}{text[512]}".Replace('\0', '0')).Order(StringComparer.Ordinal)];
        Assert.Equal(["00", "0x", "x0", "xx"], left);
    }

    [Fact]
    public async Task CopiesHolesAndLengths_AreResolved()
    {
        await RecordAsync("cp g h; fallocate -l 9000 h; fallocate -p -o 4096 -l 4096 g; truncate -s 100 f; fallocate -z -o 0 -l 30000 f; ln h i; mv h j; dd if=g of=f bs=512 seek=3 conv=notrunc oflag=append status=none", ("g", new string('y', 20000)));
    }

    [Fact]
    public void UnfinishedCalls_AreTakenWhereTheyEnd()
    {
        IReadOnlyList<SystemCall> calls = StraceLog.Parse(
        [
            @"11 pwrite64(4<\x2f\x61>, ""\x41\x42"", 2, 0 <unfinished ...>",
            @"12 fsync(4<\x2f\x61> <unfinished ...>",
            @"11 <... pwrite64 resumed>)     = 2",
            @"12 +++ exited with 0 +++",
            @"12 <... fsync resumed>)        = 0",
            @"11 openat(AT_FDCWD<\x2f>, ""\x2f\x62"", O_RDWR|O_CREAT, 0666) = -1 ENOENT (No such file or directory)",
        ]);

        Assert.Equal(["pwrite64", "fsync", "openat"], calls.Select(call => call.Name));
        Assert.Equal([(0, 2), (1, 4), (5, 5)], calls.Select(call => (call.Begin, call.End)));
        Assert.Equal([2, 0, -1], calls.Select(call => call.Result));
        Assert.Equal("AB", Encoding.ASCII.GetString(SystemCall.DataOf(calls[0].Arguments[1])));
        Assert.Equal("/b", SystemCall.TextOf(calls[2].Arguments[1]));
    }

    private async Task<FolderTrace> RecordAsync(string script, params (string Name, string Text)[] files)
    {
        await File.WriteAllTextAsync(Path.Combine(_folder, "f"), Old);
        foreach ((string name, string text) in files)
        {
            await File.WriteAllTextAsync(Path.Combine(_folder, name), text);
        }

        // Fails unless what was traced leaves what is there.
        return await FolderRecorder.RunAsync(_folder, Peers.Require("sh"), ["-ec", script]);
    }

    /// <summary>What may be under the name that was always there.</summary>
    private async Task<string[]> LeftOfAsync(string script) =>
        [.. States(await RecordAsync(script)).Select(state => Text(state, "f")).Distinct().Order(StringComparer.Ordinal)];

    private static IEnumerable<FolderState> States(FolderTrace trace) => new FolderCrashes(trace).Draw(new Random(1)).Take(Drawn);

    private static string Text(FolderState state, string name)
    {
        SparseBytes content = state.Contents[state.Names[name]];
        byte[] bytes = new byte[content.LengthBytes];
        content.Read(0, bytes);
        return Encoding.UTF8.GetString(bytes);
    }
}
