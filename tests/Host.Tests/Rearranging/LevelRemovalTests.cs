using QedVd.Host.Tests.Chains;
using QedVd.Host.Tests.Storage;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>When the file of a level that no chain needs any more is deleted, when it is left, and what is said of it.</summary>
public sealed class LevelRemovalTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly LogLines _log = new();
    private readonly UnsureDeletions _unsure = new();
    private readonly List<string> _flushed = [];
    private readonly string _path;

    public LevelRemovalTests() => _path = _folder.Create("level.img", 10);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task AFileOfItsOwn_IsDeletedDurably_AndClosed()
    {
        ScriptedFile file = Script(_path);

        Assert.True(await RemoveAsync(file));

        Assert.False(File.Exists(_path));
        Assert.Equal([_folder.FullName], _flushed);
        Assert.True(file.IsClosed);
        Assert.Empty(_log.Lines);
        _unsure.ThrowIfAny("merge", "survivor");
    }

    [Fact]
    public async Task AFileThatSomebodyUses_IsLeft_WhichIsLogged()
    {
        ScriptedFile file = Script(_path, () => throw new ImageException(ImageErrorKind.InUse, "somebody reads it"));

        Assert.False(await RemoveAsync(file));

        Assert.True(File.Exists(_path));
        Assert.True(file.IsClosed);
        Assert.Equal([$"{_path}: this chain does not need the file any more, but somebody uses it; it was not deleted"], _log.Lines);
        _unsure.ThrowIfAny("merge", "survivor");
    }

    /// <summary>Locks that fail with an error say nothing about others.</summary>
    [Theory]
    [InlineData(ImageErrorKind.Io)]
    [InlineData(ImageErrorKind.NotSupported)]
    [InlineData(ImageErrorKind.ReadOnly)]
    public async Task AFileWhoseLocksFail_IsKept_AndTheOperationFailsAtItsEnd(ImageErrorKind kind)
    {
        ScriptedFile file = Script(_path, () => throw new ImageException(kind, "no locks today."));

        Assert.False(await RemoveAsync(file));

        Assert.True(File.Exists(_path));
        Assert.True(file.IsClosed);
        Assert.True(_unsure.HasKept);
        Assert.Empty(_log.Lines);
        ImageException told = Assert.Throws<ImageException>(() => _unsure.ThrowIfAny("merge", "low.qed"));
        Assert.Equal(
            $"no locks today. The merge is complete all the same, and 'low.qed' has it all. It kept '{_path}', because it cannot be told whether somebody uses it; run this again, or delete it when nobody does.",
            told.Message);
        Assert.Equal((kind, "low.qed", "merge"), (told.Kind, told.Path, told.Operation));
    }

    [Fact]
    public async Task AFileSystemWithoutLocks_WhereSomeWereHeld_KeepsTheFile()
    {
        Assert.False(await RemoveAsync(Script(_path, () => new LockOutcome(null, "ENOLCK"))));

        Assert.True(File.Exists(_path));
        Assert.True(_unsure.HasKept);
    }

    [Fact]
    public async Task AFolderThatCannotBeMadeDurable_IsNoted_TheFileIsGone()
    {
        var file = new ScriptedFile(_path) { OnFlushFolder = _ => throw new ImageException(ImageErrorKind.Io, "the folder fails.") };

        Assert.True(await RemoveAsync(file));

        Assert.False(File.Exists(_path));
        Assert.False(_unsure.HasKept);
        Assert.Equal(
            $"the folder fails. The commit is complete all the same, and 'low.qed' has it all. It deleted '{_path}': after a power failure that may be there again, out of date; then delete it.",
            Assert.Throws<ImageException>(() => _unsure.ThrowIfAny("commit", "low.qed")).Message);
    }

    [Fact]
    public void SeveralUnsureDeletions_AreAllNamed_WithTheFirstCause()
    {
        _unsure.Add("/a\n", new ImageException(ImageErrorKind.OutOfSpace, "first."));
        _unsure.AddKept("/c", new ImageException(ImageErrorKind.Io, "second."));
        _unsure.Add("/b", new ImageException(ImageErrorKind.Io, "third."));
        _unsure.AddKept("/d", new ImageException(ImageErrorKind.Io, "fourth."));

        ImageException told = Assert.Throws<ImageException>(() => _unsure.ThrowIfAny("merge", "/low\n"));
        Assert.Equal(
            "first. The merge is complete all the same, and '/low\\u{a}' has it all. It deleted '/a\\u{a}', '/b': after a power failure that may be there again, out of date; then delete it."
            + " It kept '/c', '/d', because it cannot be told whether somebody uses it; run this again, or delete it when nobody does.",
            told.Message);
        Assert.Equal(ImageErrorKind.OutOfSpace, told.Kind);
    }

    [Fact]
    public async Task ANameOfAnotherFile_IsLeft_WhichIsLogged()
    {
        Assert.False(await RemoveAsync(Script(_path, isNamed: false)));

        Assert.True(File.Exists(_path));
        Assert.Equal([$"{_path}: this name is a link, or leads to another file by now; it was not deleted"], _log.Lines);
        Assert.Empty(_flushed);
    }

    /// <summary>A folder under the name, or no folder at all: the system refuses in two ways.</summary>
    [Theory]
    [InlineData("")]
    [InlineData("missing/level.img")]
    public async Task AFileThatCannotBeDeleted_IsLeft_WhichIsLogged(string name)
    {
        string path = name.Length == 0 ? _folder.FullName : _folder[name];

        Assert.False(await RemoveAsync(Script(path)));

        Assert.Equal([$"{path}: this file is of no use any more, and could not be deleted"], _log.Lines);
        Assert.Empty(_flushed);
    }

    [Fact]
    public void ALevelWithoutAFile_HasNothingToDelete() =>
        Assert.False(LevelRemoval.TryRemoveName(FileLevels.Memory(_path), _unsure, _log));

    private ScriptedFile Script(string path, Func<LockOutcome>? onHoldAlone = null, bool isNamed = true) =>
        new(path) { OnHoldAlone = onHoldAlone, OnFlushFolder = _flushed.Add, IsNamed = isNamed };

    private async Task<bool> RemoveAsync(ScriptedFile file)
    {
        FileStorage storage = FileStorage.Adopt(file, LockRights.Of(ImageLockMode.Read), new FileStorageOptions { ReadOnly = true });
        var level = new Level { Image = new StorageImage(storage), Path = file.Path, FormatId = "test", Storage = storage };
        return await LevelRemoval.RemoveAsync(level, _unsure, _log);
    }

    /// <summary>Closes a storage as an image of a backend does.</summary>
    private sealed class StorageImage(FileStorage storage) : DelegatingImage(new BlockImage("image", 4096, 512))
    {
        protected override async ValueTask CloseCore<TIo>() => storage.Dispose();
    }
}
