using QedVd.Host.Tests.Storage;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>A journal as a file: its text, what is read out of it again, and what is none.</summary>
public sealed class MergeJournalTests : IDisposable
{
    private const int MaxBytes = 256 << 10;
    private const string Head = "qedvd merge 2\nsurvivor 1 2 3 4 qed\n";

    private static readonly FileMark s_survivor = new(new StorageIdentity(1, 2, 3), 4);

    private readonly TempFolder _folder = new();
    private readonly string _survivorPath;
    private readonly string _path;

    public MergeJournalTests()
    {
        _survivorPath = _folder["low.qed"];
        _path = _folder[".low.qed.qedvd-merge"];
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("up", "-", "-", 0, false)]
    [InlineData("up", "-", "keep", 1, true)]
    [InlineData("up", "-", "-", 3, true)]
    [InlineData("down", "-", "-", 2, true)]
    [InlineData("down", "-", "keep", 1, false)]
    [InlineData("down", "source", "-", 0, true)]
    [InlineData("down", "source", "keep", 2, true)]
    [InlineData("down", "copied", "-", 1, true)]
    [InlineData("commit", "-", "keep", 1, true)]
    [InlineData("commit", "-", "-", 2, false)]
    public async Task WhatIsWritten_IsItsPlainText_AndIsReadAgainAsItWas(string how, string top, string keep, int files, bool hasNeighbour)
    {
        var journal = new MergeJournal
        {
            Survivor = s_survivor,
            SurvivorFormat = "q e/d",
            Direction = how == "up" ? MergeDirection.Up : MergeDirection.Down,
            IsCommit = how == "commit",
            Neighbour = hasNeighbour ? new JournalFile(new FileMark(new StorageIdentity(1, 0xABC, 0xD), -1), 123456789012, _folder["a b.qed"]) : null,
            TakesTop = top != "-",
            IsTopCopied = top == "copied",
            KeepsFiles = keep == "keep",
            Files = [.. Enumerable.Range(0, files).Select(i => new JournalFile(new FileMark(new StorageIdentity(1, ulong.MaxValue - (ulong)i), i), i, Path.GetFullPath(FormattableString.Invariant($"../ü {i}%\n.qed"), _folder.FullName)))],
        };

        await journal.WriteAsync(_survivorPath, Stop);

        Assert.Equal(_path, MergeJournal.PathOf(_survivorPath));
        string neighbour = hasNeighbour ? "1 abc d ffffffffffffffff 123456789012 a%20b.qed" : "-";
        string listed = string.Concat(Enumerable.Range(0, files).Select(i => FormattableString.Invariant($"file 1 {ulong.MaxValue - (ulong)i:x} 0 {i} {i} ..%2F%C3%BC%20{i}%25%0A.qed\n")));
        Assert.Equal($"qedvd merge 2\nsurvivor 1 2 3 4 q%20e%2Fd\nhow {how} {top} {keep}\nneighbour {neighbour}\n{listed}end\n", await File.ReadAllTextAsync(_path, Stop));
        MergeJournal read = (await MergeJournal.ReadAsync(_survivorPath, s_survivor, Stop))!;
        Assert.Equal(journal.Files, read.Files);
        Assert.Equal(journal with { Files = [] }, read with { Files = [] });
    }

    /// <summary>Device numbers are given anew at each mount; a file of another device keeps its number.</summary>
    [Fact]
    public async Task ASurvivorWithAnotherDevicesNumber_HasIt_AndSoHaveThoseBesideIt()
    {
        await WriteAsync(Head + "how up - -\nneighbour 1 5 0 1 7 n.qed\nfile 1 6 0 1 8 a.qed\nfile 9 7 0 1 8 b.qed\nend\n");

        MergeJournal read = (await MergeJournal.ReadAsync(_survivorPath, s_survivor with { Identity = s_survivor.Identity with { DeviceId = 77 } }, Stop))!;

        Assert.Equal((77ul, 77ul), (read.Survivor.Identity.DeviceId, read.Neighbour!.Mark.Identity.DeviceId));
        Assert.Equal([77ul, 9], read.Files.Select(file => file.Mark.Identity.DeviceId));
    }

    [Theory]
    [InlineData("", "it is not complete")]
    [InlineData("qedvd merge 2\n", "it is not complete")]
    [InlineData("qedvd merge 2\nsurvivor 1 2 3 4 qed\nhow up - -\nend\n", "it is not complete")]
    [InlineData("qedvd merge 1\nsurvivor 1 2 3 4 qed\nhow up - -\nneighbour -\nend\n", "it is not complete")]
    [InlineData("qedvd merge 2\nsurvivor 1 2 3 4 qed\nhow up - -\nneighbour -\nend", "it is not complete")]
    [InlineData("qedvd merge 2\nsurvivor 1 2 3 4 qed\nhow up - -\nneighbour -\nend\nmore", "it is not complete")]
    [InlineData("qedvd merge 2\nsurvivor 1 2 3 4 qed\nhow up - -\nneighbour -\nEND\n", "it is not complete")]
    [InlineData("qedvd merge 2\nsurvivor 1 2 3 4\nhow up - -\nneighbour -\nend\n", "'survivor 1 2 3 4' is not what should stand there")]
    [InlineData("qedvd merge 2\nsurviver 1 2 3 4 qed\nhow up - -\nneighbour -\nend\n", "'surviver 1 2 3 4 qed' is not what should stand there")]
    [InlineData("qedvd merge 2\nsurvivor 1 2 3 x qed\nhow up - -\nneighbour -\nend\n", "'x' is no number")]
    [InlineData("qedvd merge 2\nsurvivor 1 -2 3 4 qed\nhow up - -\nneighbour -\nend\n", "'-2' is no number")]
    [InlineData("qedvd merge 2\nsurvivor  2 3 4 qed\nhow up - -\nneighbour -\nend\n", "'' is no number")]
    [InlineData("qedvd merge 2\nsurvivor 1 2 3 5 qed\nhow up - -\nneighbour -\nend\n", "it is of another file, which had this name")]
    [InlineData("qedvd merge 2\nsurvivor 1 2 4 4 qed\nhow up - -\nneighbour -\nend\n", "it is of another file, which had this name")]
    [InlineData(Head + "hew up - -\nneighbour -\nend\n", "'hew up - -' is not what should stand there")]
    [InlineData(Head + "how up - - -\nneighbour -\nend\n", "'how up - - -' is not what should stand there")]
    [InlineData(Head + "how sideways\u0001 - -\nneighbour -\nend\n", "'sideways\\u{1}' is no direction")]
    [InlineData(Head + "how Up - -\nneighbour -\nend\n", "'Up' is no direction")]
    [InlineData(Head + "how  - -\nneighbour -\nend\n", "'' is no direction")]
    [InlineData(Head + "how up - -\nneighbour x\nend\n", "'neighbour x' is not what should stand there")]
    [InlineData(Head + "how up - -\nfile 1 2 3 0 4 n\nend\n", "'file 1 2 3 0 4 n' is not what should stand there")]
    [InlineData(Head + "how up - -\nneighbour 1 2 3 0 4 \nend\n", "'neighbour 1 2 3 0 4 ' names no file")]
    [InlineData(Head + "how up - -\nneighbour -\nfile 1 2 3 0 4 \nend\n", "'file 1 2 3 0 4 ' names no file")]
    [InlineData(Head + "how up - -\nneighbour -\nfile 1 2 3 0 4 a%00b\nend\n", "'file 1 2 3 0 4 a%00b' names no file")]
    [InlineData(Head + "how up - -\nneighbour -\nfile 1 2 3 0 -4 a\nend\n", "'file 1 2 3 0 -4 a' names no file")]
    [InlineData(Head + "how up - -\nneighbour -\nfile 1 2 3 0 4k a\nend\n", "'file 1 2 3 0 4k a' names no file")]
    [InlineData(Head + "how up - -\nneighbour -\nfile 1 2 3 0 99999999999999999999 a\nend\n", "'file 1 2 3 0 99999999999999999999 a' names no file")]
    [InlineData(Head + "how up - -\nneighbour -\nfile 1 y 3 0 4 a\nend\n", "'y' is no number")]
    [InlineData(Head + "how up - -\nneighbour -\nneighbour -\nend\n", "'neighbour -' is not what should stand there")]
    [InlineData(Head + "how up source -\nneighbour 1 2 3 0 4 n\nend\n", TopGoes)]
    [InlineData(Head + "how commit source -\nneighbour 1 2 3 0 4 n\nend\n", TopGoes)]
    [InlineData(Head + "how down source -\nneighbour -\nend\n", TopGoes)]
    public async Task WhatIsNoJournal_IsNotTakenForOne_AndTheMessageSaysWhy(string text, string why)
    {
        await WriteAsync(text);
        await AssertBadAsync(why);
        Assert.Equal(text, await File.ReadAllTextAsync(_path, Stop));
    }

    [Fact]
    public async Task AFolderOrALink_IsNoJournal()
    {
        Directory.CreateDirectory(_path);
        await AssertBadAsync("it is no regular file");
        Directory.Delete(_path);

        string journal = _folder["real"];
        await File.WriteAllTextAsync(journal, Head + "how up - -\nneighbour -\nend\n", Stop);
        File.CreateSymbolicLink(_path, journal);
        await AssertBadAsync("it is no regular file");

        File.Delete(journal);
        await AssertBadAsync("it is no regular file");

        File.Delete(_path);
        Assert.Null(await MergeJournal.ReadAsync(_survivorPath, s_survivor, Stop));
    }

    [Fact]
    public async Task AJournal_IsReadWhoeverHasItOpen()
    {
        await WriteAsync(Head + "how up - keep\nneighbour -\nend\n");
        using FileStorage other = FileStorage.Open(_path);
        Assert.True((await MergeJournal.ReadAsync(_survivorPath, s_survivor, Stop))!.KeepsFiles);
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(1, false)]
    public async Task TheLongestJournal_IsWrittenAndRead_ALongerOneIsNot(int more, bool isAllowed)
    {
        const string Frame = Head + "how up - -\nneighbour -\nfile 1 2 3 0 4 \nend\n";
        string name = new('x', MaxBytes - Frame.Length + more);
        var journal = new MergeJournal
        {
            Survivor = s_survivor,
            SurvivorFormat = "qed",
            Direction = MergeDirection.Up,
            Neighbour = null,
            TakesTop = false,
            KeepsFiles = false,
            Files = [new JournalFile(new FileMark(s_survivor.Identity, 0), 4, _folder[name])],
        };
        if (isAllowed)
        {
            await journal.WriteAsync(_survivorPath, Stop);
            Assert.Equal(MaxBytes, new FileInfo(_path).Length);
            Assert.Equal(journal.Files, (await MergeJournal.ReadAsync(_survivorPath, s_survivor, Stop))!.Files);
            return;
        }

        ImageException refused = await Assert.ThrowsAsync<ImageException>(async () => await journal.WriteAsync(_survivorPath, Stop));
        Assert.Equal($"{_survivorPath}: so many levels with so long names cannot be merged at once; merge some of them.", refused.Message);
        Assert.Equal((ImageErrorKind.NotSupported, _survivorPath, "merge"), (refused.Kind, refused.Path, refused.Operation));
        Assert.Empty(Directory.GetFileSystemEntries(_folder.FullName));

        await WriteAsync(Frame.Replace("4 \n", $"4 {name}\n", StringComparison.Ordinal));
        await AssertBadAsync("it is too long");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Removing_IsDurable_OrNotedWhereTheFolderCannotBeMadeSo(bool isFailing)
    {
        List<string> flushed = [];
        Level survivor = Survivor(folder =>
        {
            flushed.Add(folder);
            if (isFailing)
            {
                throw new ImageException(ImageErrorKind.Io, "the folder fails.");
            }
        });
        await WriteAsync("anything");
        var unsure = new UnsureDeletions();

        await MergeJournal.RemoveAsync(survivor, unsure);

        Assert.False(File.Exists(_path));
        Assert.Equal([_folder.FullName], flushed);
        ImageException? noted = (ImageException?)Record.Exception(() => unsure.ThrowIfAny("merge", _survivorPath));
        Assert.Equal(isFailing, noted?.Message.Contains($"It deleted '{_path}'", StringComparison.Ordinal) ?? false);
        Assert.False(unsure.HasKept);
        survivor.Storage!.Dispose();
    }

    [Fact]
    public async Task RemovingWhatCannotBeDeleted_Fails_AndIsNoUnsureDeletion()
    {
        // The system refuses to delete a file beneath a file.
        Level survivor = Survivor(_ => { }, Path.Combine(_folder.Create("plain"), "low.qed"));
        var unsure = new UnsureDeletions();
        string journal = Path.Combine(_folder["plain"], ".low.qed.qedvd-merge");
        ImageException failed = await Assert.ThrowsAsync<ImageException>(async () => await MergeJournal.RemoveAsync(survivor));
        Assert.Equal((journal, "remove the journal"), (failed.Path, failed.Operation));
        survivor.Storage!.Dispose();

        Level beside = Survivor(_ => throw new ImageException(ImageErrorKind.Io, "the folder fails."));
        Directory.CreateDirectory(_path);
        failed = await Assert.ThrowsAsync<ImageException>(async () => await MergeJournal.RemoveAsync(beside));
        Assert.Equal((_path, "remove the journal"), (failed.Path, failed.Operation));
        unsure.ThrowIfAny("merge", _survivorPath);
        beside.Storage!.Dispose();
    }

    [Fact]
    public async Task RemovingNothing_IsNoError_AndIsDurable()
    {
        int flushes = 0;
        Level survivor = Survivor(_ => flushes++);
        await MergeJournal.RemoveAsync(survivor);
        Assert.Equal(1, flushes);
        survivor.Storage!.Dispose();
    }

    private const string TopGoes = "it says that the top goes, but not which that is, or it is none of those where it does";

    private Level Survivor(Action<string> onFlushFolder, string? path = null)
    {
        path ??= _survivorPath;
        return FileLevels.Over(
            FileStorage.Adopt(new ScriptedFile(path) { OnFlushFolder = onFlushFolder }, LockRights.Of(ImageLockMode.Read), new FileStorageOptions { ReadOnly = true }), path);
    }

    private Task WriteAsync(string text) => File.WriteAllTextAsync(_path, text, Stop);

    private async Task AssertBadAsync(string why)
    {
        ImageException bad = await Assert.ThrowsAsync<ImageException>(async () => await MergeJournal.ReadAsync(_survivorPath, s_survivor, Stop));
        Assert.Equal(
            $"{_path}: this should be the journal of an interrupted merge, but {why}. Nothing was changed. Look at what lies in the folder, and remove this file.", bad.Message);
        Assert.Equal((ImageErrorKind.Corrupt, _path, "merge"), (bad.Kind, bad.Path, bad.Operation));
    }
}
