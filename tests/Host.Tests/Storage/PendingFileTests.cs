using System.Diagnostics;
using System.Runtime.Versioning;
using System.Text;
using QedVd.TestKit;

namespace QedVd.Host.Tests.Storage;

/// <summary>A new file is there complete, or not at all.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class PendingFileTests : IDisposable
{
    private readonly TempFolder _folder = new(AppContext.BaseDirectory);

    public enum Way
    {
        Nameless,
        TemporaryName,
        Portable,
    }

    public static TheoryData<Way> Ways => [Way.Nameless, Way.TemporaryName, Way.Portable];

    public void Dispose() => _folder.Dispose();

    [Theory, MemberData(nameof(Ways))]
    public async Task Publish_GivesTheNameToTheWholeFile(Way way)
    {
        using (var pending = PendingFile.Create(_folder["new"], Options(way)))
        {
            Assert.Equal(_folder["new"], pending.Storage.Name);
            pending.Storage.Write(0, "content"u8);
            Assert.False(File.Exists(_folder["new"]));

            await pending.PublishAsync();

            Assert.True(pending.IsPublished);
            Assert.Equal("content", Content("new"));
            pending.Storage.Write(0, "CON"u8);
        }

        Assert.Equal("CONtent", Content("new"));
        Assert.Equal(["new"], Names());
    }

    [Theory, MemberData(nameof(Ways))]
    public void Dispose_WithoutPublish_LeavesNothing(Way way)
    {
        using (var pending = PendingFile.Create(_folder["new"], Options(way)))
        {
            pending.Storage.Write(0, new byte[100_000]);
        }

        Assert.Empty(Names());
    }

    [Theory, MemberData(nameof(Ways))]
    public void Existing_WithoutOverwrite_IsLeftAlone(Way way)
    {
        File.WriteAllText(_folder["file"], "old");
        File.CreateSymbolicLink(_folder["dangling"], "nowhere");

        foreach (string name in (string[])["file", "dangling"])
        {
            ImageException error = Assert.Throws<ImageException>(() => PendingFile.Create(_folder[name], Options(way)));
            Assert.Equal(ImageErrorKind.AlreadyExists, error.Kind);
        }

        Assert.Equal("old", Content("file"));
        Assert.Equal(["dangling", "file"], Names());
    }

    [Theory, MemberData(nameof(Ways))]
    public void NameTakenMeanwhile_IsLeftAlone(Way way)
    {
        using (var pending = PendingFile.Create(_folder["file"], Options(way)))
        {
            pending.Storage.Write(0, "new"u8);
            File.WriteAllText(_folder["file"], "other");

            ImageException error = Assert.Throws<ImageException>(pending.Publish);

            Assert.Equal(ImageErrorKind.AlreadyExists, error.Kind);
            Assert.False(pending.IsPublished);
        }

        Assert.Equal("other", Content("file"));
        Assert.Equal(["file"], Names());
    }

    [Theory, MemberData(nameof(Ways))]
    public void Overwrite_ReplacesTheFile_KeepsItsMode_AndNeverTouchesTheOldBytes(Way way)
    {
        const UnixFileMode Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead;
        File.WriteAllText(_folder["file"], "old content");
        File.SetUnixFileMode(_folder["file"], Mode);
        using var oldFile = FileStorage.Open(_folder["file"], new FileStorageOptions { ReadOnly = true, Lock = ImageLockMode.None });

        using (var pending = PendingFile.Create(_folder["file"], Options(way) with { Overwrite = true }))
        {
            pending.Storage.Write(0, "new"u8);
            Assert.Equal("old content", Content("file"));
            pending.Publish();
        }

        Assert.Equal("new", Content("file"));
        Assert.Equal(Mode, File.GetUnixFileMode(_folder["file"]));
        Assert.Equal("old content", Content(oldFile));
        Assert.Equal(["file"], Names());
    }

    [Theory, MemberData(nameof(Ways))]
    public void Overwrite_GivenUp_LeavesTheOldFile_AndItsLocksFree(Way way)
    {
        File.WriteAllText(_folder["file"], "old");
        using (var pending = PendingFile.Create(_folder["file"], Options(way) with { Overwrite = true }))
        {
            pending.Storage.Write(0, "new"u8);
            Assert.Equal(ImageErrorKind.InUse, Assert.Throws<ImageException>(() => FileStorage.Open(_folder["file"])).Kind);
        }

        Assert.Equal("old", Content("file"));
        Assert.Equal(["file"], Names());
        FileStorage.Open(_folder["file"]).Dispose();
    }

    [Theory, MemberData(nameof(Ways))]
    public void Overwrite_OverALink_ReplacesTheFileItLeadsTo(Way way)
    {
        Directory.CreateDirectory(_folder["below"]);
        File.WriteAllText(_folder["below/file"], "old");
        File.CreateSymbolicLink(_folder["link"], "below/file");

        using (var pending = PendingFile.Create(_folder["link"], Options(way) with { Overwrite = true }))
        {
            pending.Storage.Write(0, "new"u8);
            pending.Publish();
        }

        Assert.Equal("new", Content("below/file"));
        Assert.Equal("below/file", new FileInfo(_folder["link"]).LinkTarget);
    }

    [Theory, MemberData(nameof(Ways))]
    public void Overwrite_OfAFileThatWasReplacedMeanwhile_LeavesTheNewOne(Way way)
    {
        File.WriteAllText(_folder["file"], "old");
        File.WriteAllText(_folder["other"], "other");
        using (var pending = PendingFile.Create(_folder["file"], Options(way) with { Overwrite = true }))
        {
            pending.Storage.Write(0, "new"u8);
            File.Move(_folder["other"], _folder["file"], overwrite: true);

            Assert.Equal(ImageErrorKind.InUse, Assert.Throws<ImageException>(pending.Publish).Kind);
        }

        Assert.Equal("other", Content("file"));
        Assert.Equal(["file"], Names());
    }

    [Theory, MemberData(nameof(Ways))]
    public async Task Overwrite_OfWhatIsNoRegularFile_IsRefused(Way way)
    {
        Directory.CreateDirectory(_folder["folder"]);
        (await ToolRun.RunAsync(Peers.Require("mkfifo"), [_folder["fifo"]])).ShouldExitWith(0);

        foreach (string name in (string[])["folder", "fifo"])
        {
            ImageException error = Assert.Throws<ImageException>(() => PendingFile.Create(_folder[name], Options(way) with { Overwrite = true }));
            Assert.Equal(ImageErrorKind.RefusedByPolicy, error.Kind);
        }

        Assert.Equal(["fifo", "folder"], Names());
    }

    [Theory, MemberData(nameof(Ways))]
    public void FolderThatIsMissing_IsNotFound(Way way)
    {
        ImageException error = Assert.Throws<ImageException>(() => PendingFile.Create(_folder["missing/new"], Options(way)));

        Assert.Equal(ImageErrorKind.NotFound, error.Kind);
        Assert.Contains("folder", error.Message, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Ways))]
    public void Publish_WhoseFlushFails_GivesNoName(Way way)
    {
        using (var pending = PendingFile.Create(_folder["new"], Options(way) with { BarrierSeam = () => throw StorageErrors.FromErrno(Errno.EIO, "new", "make durable") }))
        {
            pending.Storage.Write(0, "new"u8);
            Assert.Throws<ImageException>(pending.Publish);
        }

        Assert.Empty(Names());
    }

    [Theory, MemberData(nameof(Ways))]
    public void TakeStorage_KeepsFileAndLocks(Way way)
    {
        FileStorage storage;
        using (var pending = PendingFile.Create(_folder["new"], Options(way)))
        {
            Assert.Throws<InvalidOperationException>(pending.TakeStorage);
            pending.Publish();
            storage = pending.TakeStorage();
        }

        using (storage)
        {
            storage.Write(0, "still open"u8);
            Assert.Equal(ImageErrorKind.InUse, Assert.Throws<ImageException>(() => FileStorage.Open(_folder["new"])).Kind);
        }

        Assert.Equal("still open", Content("new"));
    }

    [Theory, MemberData(nameof(Ways))]
    public async Task Leftover_OfAKilledRun_IsRemovedByTheNextOne_ButNotWhileItRuns(Way way)
    {
        using (Process running = StorageHelper.Start(way == Way.Portable ? "pending-portable" : "pending", _folder["killed"]))
        {
            Assert.Equal("written", await running.StandardOutput.ReadLineAsync());
            string temporary = Assert.Single(Names());
            PendingFile.Create(_folder["first"], Options(way)).Dispose();
            Assert.Equal([temporary], Names());
            running.Kill();
            await running.WaitForExitAsync();
            Assert.Equal([temporary], Names());
        }

        // Names that only look like one of ours stay.
        _folder.Create(".0123456789abcdeg.qedvd-new");
        _folder.Create("x.0123456789abcdef.qedvd-new");
        PendingFile.Create(_folder["second"], Options(way)).Dispose();

        Assert.Equal([".0123456789abcdeg.qedvd-new", "x.0123456789abcdef.qedvd-new"], Names());
    }

    [Theory]
    [InlineData(Way.Nameless)]
    [InlineData(Way.TemporaryName)]
    public async Task SecondName_ThatAKilledRunGaveTheFileItReplaces_IsRemovedByTheNextOne(Way way)
    {
        string target = _folder.Create("target");
        (await ToolRun.RunAsync(Peers.Require("ln"), [target, _folder[".0123456789abcdef.qedvd-new"]])).ShouldExitWith(0);

        using (var pending = PendingFile.Create(target, Options(way) with { Overwrite = true }))
        {
            pending.Publish();
        }

        Assert.Equal(["target"], Names());
    }

    [Theory, MemberData(nameof(Ways))]
    public void Target_ThatIsCalledLikeATemporaryFile_StaysUntilItIsReplaced(Way way)
    {
        string target = _folder[".0123456789abcdef.qedvd-new"];
        File.WriteAllText(target, "old");

        PendingFile.Create(target, Options(way) with { Overwrite = true }).Dispose();
        Assert.Equal("old", File.ReadAllText(target));

        using (var pending = PendingFile.Create(target, Options(way) with { Overwrite = true }))
        {
            pending.Storage.Write(0, "new"u8);
            pending.Publish();
        }

        Assert.Equal("new", File.ReadAllText(target));
    }

    [Fact]
    public async Task SecondName_OfTheFileItReplaces_StaysWhereNoLocksTellWhetherItsMakerLives()
    {
        string target = _folder.Create("target");
        string second = _folder[".0123456789abcdef.qedvd-new"];
        (await ToolRun.RunAsync(Peers.Require("ln"), [target, second])).ShouldExitWith(0);

        // The first of two runs holds the file in its way; the system's locks are not to be had.
        using (Process running = StorageHelper.Start("hold", target))
        {
            Assert.Equal("held", await running.StandardOutput.ReadLineAsync());
            PendingFile.Create(target, new PendingFileOptions { Overwrite = true, DisabledFacts = StorageFacts.HasImageLocks }).Dispose();
            running.StandardInput.Close();
            await running.WaitForExitAsync();
        }

        Assert.True(File.Exists(second));
    }

    [Fact]
    public async Task Killed_BeforePublish_LeavesNoNamelessFile()
    {
        // The rename is the commit: killed at it, the target is not there; the leftover is removed by the next run.
        string[] before = [Peers.Require("strace"), "-f", "-o", "/dev/null", "-e", "trace=renameat2", "-e", "inject=renameat2:signal=KILL"];
        using (Process process = StorageHelper.Start("publish", _folder["target"], before))
        {
            process.StandardInput.Close();
            await process.WaitForExitAsync();
            Assert.NotEqual(0, process.ExitCode);
        }

        Assert.DoesNotContain("target", Names());
        PendingFile.Create(_folder["next"]).Dispose();
        Assert.Empty(Names());
    }

    [Fact]
    public async Task ManyAtOnce_InOneFolder_DoNotRemoveEachOther()
    {
        await Task.WhenAll(Enumerable.Range(0, 40).Select(i => Task.Run(() =>
        {
            using var pending = PendingFile.Create(_folder[$"new-{i}"], Options(i % 2 == 0 ? Way.Nameless : Way.TemporaryName));
            pending.Storage.Write(0, BitConverter.GetBytes(i));
            pending.Publish();
        })));

        Assert.Equal(40, Names().Length);
        for (int i = 0; i < 40; i++)
        {
            Assert.Equal(i, BitConverter.ToInt32(await File.ReadAllBytesAsync(_folder[$"new-{i}"])));
        }
    }

    [Fact]
    public void TwoForOneName_OnlyOneGetsIt()
    {
        using var one = PendingFile.Create(_folder["new"]);
        using var two = PendingFile.Create(_folder["new"]);
        one.Publish();

        Assert.Equal(ImageErrorKind.AlreadyExists, Assert.Throws<ImageException>(two.Publish).Kind);
    }

    [Theory, MemberData(nameof(Ways))]
    public void Publish_WhoseFolderCannotBeMadeDurable_TakesTheNameBack(Way way)
    {
        using (var pending = PendingFile.Create(_folder["new"], Options(way) with { FolderSeam = Fail }))
        {
            Assert.Throws<ImageException>(pending.Publish);
            Assert.False(pending.IsPublished);
        }

        Assert.Empty(Names());
    }

    [Theory, MemberData(nameof(Ways))]
    public void Replacing_WhoseFolderCannotBeMadeDurable_BringsTheOldFileBack_WhereItCan(Way way)
    {
        File.WriteAllText(_folder["file"], "old");
        bool isPublished;
        using (var pending = PendingFile.Create(_folder["file"], Options(way) with { Overwrite = true, FolderSeam = Fail }))
        {
            pending.Storage.Write(0, "new"u8);
            Assert.Throws<ImageException>(pending.Publish);
            isPublished = pending.IsPublished;
        }

        // What every platform has cannot keep the old file; then it says that the new one is there.
        Assert.Equal(way == Way.Portable, isPublished);
        Assert.Equal(isPublished ? "new" : "old", Content("file"));
        Assert.Equal(["file"], Names());
    }

    [Theory, MemberData(nameof(Ways))]
    public void Replacing_LeavesNoSecondNameOfTheOldFile(Way way)
    {
        File.WriteAllText(_folder["file"], "old");
        using (var pending = PendingFile.Create(_folder["file"], Options(way) with { Overwrite = true }))
        {
            pending.Storage.Write(0, "new"u8);
            pending.Publish();
        }

        Assert.Equal("new", Content("file"));
        Assert.Equal(["file"], Names());
    }

    private static void Fail() => throw new ImageException(ImageErrorKind.Io, "folder: injected");

    private static PendingFileOptions Options(Way way) => new() { UseTemporaryName = way == Way.TemporaryName, UsePortableForm = way == Way.Portable };

    private string Content(string name)
    {
        using var storage = FileStorage.Open(_folder[name], new FileStorageOptions { ReadOnly = true, Lock = ImageLockMode.None });
        return Content(storage);
    }

    private static string Content(FileStorage storage)
    {
        byte[] content = new byte[storage.GetLength()];
        return Encoding.UTF8.GetString(content, 0, storage.Read(0, content));
    }

    private string[] Names() => [.. Directory.EnumerateFileSystemEntries(_folder.FullName).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];
}
