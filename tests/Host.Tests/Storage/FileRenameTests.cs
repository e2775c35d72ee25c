using System.Runtime.Versioning;

namespace QedVd.Host.Tests.Storage;

/// <summary>Another name for an open file, in the form of Linux and in the one of every platform.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class FileRenameTests : IDisposable
{
    private readonly TempFolder _folder = new(AppContext.BaseDirectory);
    private readonly TempFolder _elsewhere = new(Directory.Exists("/dev/shm") ? "/dev/shm" : null);

    public FileRenameTests()
    {
        File.WriteAllText(_folder["file"], "content");
        Directory.CreateDirectory(_folder["sub"]);
    }

    public void Dispose()
    {
        _folder.Dispose();
        _elsewhere.Dispose();
    }

    [Theory, InlineData(false, "new"), InlineData(false, "sub/new"), InlineData(true, "new"), InlineData(true, "sub/new")]
    public void Rename_GivesTheFileItsNewName_AndKeepsItOpenAndLocked(bool portable, string name)
    {
        using FileStorage storage = Open("file", portable);

        storage.Rename(_folder[name]);

        Assert.Equal(_folder[name], storage.Name);
        Assert.False(File.Exists(_folder["file"]));
        storage.Write(0, "CON"u8);
        Assert.Equal(ImageErrorKind.InUse, Assert.Throws<ImageException>(() => Open(name, portable)).Kind);

        // The descriptor is opened again by its new name, or by none.
        storage.ChangeAccess(readOnly: true);
        storage.ChangeAccess(readOnly: false);
        storage.Write(3, "TENT"u8);
        storage.Dispose();
        Assert.Equal("CONTENT", File.ReadAllText(_folder[name]));
    }

    /// <summary>Where it cannot be done in one step, a kill may leave it with both.</summary>
    [Fact]
    public void Rename_ToANameThatIsTheFilesAlready_TakesTheOldOneAway()
    {
        using FileStorage storage = Open("file", portable: false);
        Assert.True(storage.File.TryLinkName(_folder["file"], _folder["new"]));

        storage.Rename(_folder["new"]);

        Assert.Equal((_folder["new"], false), (storage.Name, File.Exists(_folder["file"])));
        Assert.True(storage.File.HasName(_folder["new"]));
    }

    [Theory, InlineData(false), InlineData(true)]
    public void Rename_OverAFile_OnlyWhenAsked_AndOnlyOneThatNobodyUses(bool portable)
    {
        File.WriteAllText(_folder["other"], "other");
        using FileStorage storage = Open("file", portable);
        Assert.Equal(ImageErrorKind.AlreadyExists, Assert.Throws<ImageException>(() => storage.Rename(_folder["other"])).Kind);
        using (Open("other", portable))
        {
            Assert.Equal(ImageErrorKind.InUse, Assert.Throws<ImageException>(() => storage.Rename(_folder["other"], overwrite: true)).Kind);
        }

        Assert.Equal(ImageErrorKind.RefusedByPolicy, Assert.Throws<ImageException>(() => storage.Rename(_folder["sub"], overwrite: true)).Kind);
        Assert.Equal(["file", "other", "sub"], Names());
        Assert.Equal(_folder["file"], storage.Name);

        storage.Rename(_folder["other"], overwrite: true);
        Assert.Equal(["other", "sub"], Names());
        storage.Dispose();
        Assert.Equal("content", File.ReadAllText(_folder["other"]));
    }

    [Theory, InlineData(false, false), InlineData(false, true), InlineData(true, false), InlineData(true, true)]
    public void Rename_WhoseFolderCannotBeMadeDurable_IsTakenBack(bool portable, bool overwrite)
    {
        File.WriteAllText(_folder["sub/other"], "other");
        int left = 1;
        using (FileStorage storage = Open("file", portable, () => ThrowIf(left-- > 0)))
        {
            string target = overwrite ? _folder["sub/other"] : _folder["sub/new"];
            ImageException failure = Assert.Throws<ImageException>(() => storage.Rename(target, overwrite));

            // What every platform has cannot keep a file that is replaced; then it says that the new name is there.
            bool isBack = !portable || !overwrite;
            Assert.Equal(isBack ? _folder["file"] : target, storage.Name);
            Assert.Equal(!isBack, failure.Message.Contains("new name all the same", StringComparison.Ordinal));
            Assert.True(File.Exists(storage.Name));
            Assert.Equal(isBack, File.Exists(_folder["file"]));
        }

        Assert.Equal(portable && overwrite ? "content" : "other", File.ReadAllText(_folder["sub/other"]));
        Assert.Single(Directory.GetFiles(_folder["sub"]));
    }

    [Theory, InlineData(false), InlineData(true)]
    public void Rename_WhereTheWayBackIsTaken_SaysSo(bool portable)
    {
        using FileStorage storage = Open("file", portable, () =>
        {
            File.WriteAllText(_folder["file"], "somebody was faster");
            ThrowIf(true);
        });

        ImageException failure = Assert.Throws<ImageException>(() => storage.Rename(_folder["new"]));

        Assert.Contains("new name all the same", failure.Message, StringComparison.Ordinal);
        Assert.Equal(_folder["new"], storage.Name);
        Assert.Equal("somebody was faster", File.ReadAllText(_folder["file"]));
    }

    [Theory, InlineData(false), InlineData(true)]
    public void Rename_OfANameThatIsNotTheFiles_IsRefused(bool portable)
    {
        File.CreateSymbolicLink(_folder["link"], _folder["file"]);
        using (FileStorage linked = Open("link", portable))
        {
            Assert.Equal(ImageErrorKind.InUse, Assert.Throws<ImageException>(() => linked.Rename(_folder["new"])).Kind);
        }

        using FileStorage storage = Open("file", portable);
        File.Delete(_folder["file"]);
        Assert.Equal(ImageErrorKind.InUse, Assert.Throws<ImageException>(() => storage.Rename(_folder["new"])).Kind);
        File.WriteAllText(_folder["file"], "another");
        Assert.Equal(ImageErrorKind.InUse, Assert.Throws<ImageException>(() => storage.Rename(_folder["new"])).Kind);
        Assert.Equal("another", File.ReadAllText(_folder["file"]));
    }

    [Fact]
    public void Rename_ToAnotherVolume_IsRefused()
    {
        using FileStorage storage = Open("file", portable: false);
        Assert.SkipUnless(Directory.Exists("/dev/shm"), "there is no second volume here");
        ImageException refusal = Assert.Throws<ImageException>(() => storage.Rename(_elsewhere["new"]));
        Assert.Equal(ImageErrorKind.NotSupported, refusal.Kind);
        Assert.Contains("another volume", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(_folder["file"], storage.Name);
    }

    [Fact]
    public void FileThatWasRenamed_IsStillKnownAsTheOneWhoseBarrierFailed()
    {
        using (var storage = FileStorage.Open(_folder["file"], new FileStorageOptions { BarrierSeam = () => ThrowIf(true) }))
        {
            storage.Write(0, "x"u8);
            Assert.Throws<ImageException>(storage.Barrier);
            storage.Rename(_folder["new"]);
            Assert.Equal(ImageErrorKind.Fenced, Assert.Throws<ImageException>(() => storage.Write(0, "y"u8)).Kind);
        }

        using FileStorage again = Open("new", portable: false);
        Assert.NotNull(again.EarlierFence);
        again.ForgetEarlierFence();
    }

    private static void ThrowIf(bool condition)
    {
        if (condition)
        {
            throw new ImageException(ImageErrorKind.Io, "injected");
        }
    }

    private FileStorage Open(string name, bool portable, Action? folderSeam = null) =>
        FileStorage.Open(_folder[name], new FileStorageOptions { UsePortableForm = portable, FolderSeam = folderSeam });

    private string[] Names() => [.. Directory.EnumerateFileSystemEntries(_folder.FullName).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];
}
