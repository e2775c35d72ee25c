using QedVd.Host.Tests.Operations;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>A new file may have the number of one that an interrupted merge has left and somebody has deleted: it is not that one.</summary>
public sealed class ReusedNumberTests : IDisposable
{
    private const int Size = 65536;

    private readonly TestHost _test = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => _test.Dispose();

    [Fact]
    public async Task Leftover_ThatANewImageLiesOver_IsNotDeleted()
    {
        Make("low.qed");
        Make("top.qed", "low.qed");
        Make("a.qed", "low.qed");
        Make("b.qed", "low.qed");
        MergeJournal journal = Journal(takesTop: false, "a.qed", "b.qed");
        await journal.WriteAsync(_test["low.qed"], Stop);
        Replace("b.qed", "child.qed", parent: "a.qed", journal.Files[1].Mark.Identity);

        await _test.Host.MergeAsync(_test["top.qed"], cancellationToken: Stop);

        Assert.True(File.Exists(_test["a.qed"]));
    }

    [Fact]
    public async Task Survivor_ThatANewImageLiesOver_IsNotWritten()
    {
        Make("low.qed");
        Make("mid.qed", "low.qed");
        Make("top.qed", "mid.qed");
        MergeJournal journal = Journal(takesTop: true, "mid.qed");
        await _test.Host.SetParentNameAsync(_test["top.qed"], _test["low.qed"], cancellationToken: Stop);
        await journal.WriteAsync(_test["low.qed"], Stop);
        Replace("mid.qed", "other.qed", parent: "low.qed", journal.Files[0].Mark.Identity);

        ImageException refused = await Assert.ThrowsAsync<ImageException>(async () => await _test.Host.MergeAsync(_test["top.qed"], cancellationToken: Stop));

        Assert.Equal(ImageErrorKind.InUse, refused.Kind);
        Assert.Contains("other.qed", refused.Message, StringComparison.Ordinal);
        Assert.Contains($"remove '{MergeJournal.PathOf(_test["low.qed"])}'", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Top_ThatIsNew_IsNotMergedAsTheOneThatWasToGo()
    {
        Make("low.qed");
        Make("mid.qed", "low.qed");
        Make("top.qed", "mid.qed");
        MergeJournal journal = Journal(takesTop: true);
        await journal.WriteAsync(_test["low.qed"], Stop);
        Replace("top.qed", "new.qed", parent: "mid.qed", journal.Neighbour!.Mark.Identity);

        ImageException refused = await Assert.ThrowsAsync<ImageException>(
            async () => await _test.Host.MergeAsync(_test["new.qed"], new MergeOptions { FromDepth = 1, ToDepth = 2 }, cancellationToken: Stop));

        Assert.Equal(ImageErrorKind.InvalidArgument, refused.Kind);
        Assert.True(File.Exists(_test["new.qed"]));
    }

    /// <summary>The new file has even the name and the length of the deleted one: only its birth tells.</summary>
    [Fact]
    public async Task NewImage_WithNumberNameAndLengthOfALeftover_IsNotDeleted()
    {
        Make("low.qed");
        Make("top.qed", "low.qed");
        Make("new.qed", "low.qed");
        MergeJournal journal = Journal(takesTop: false, "new.qed");
        await (journal with { Files = [Earlier(journal.Files[0])] }).WriteAsync(_test["low.qed"], Stop);

        MergeResult merged = await _test.Host.MergeAsync(_test["top.qed"], cancellationToken: Stop);

        Assert.Empty(merged.RemovedPaths);
        Assert.Empty(merged.KeptPaths);
        Assert.True(File.Exists(_test["new.qed"]));
    }

    [Fact]
    public async Task NewTop_WithNumberAndNameOfTheOneThatWasToGo_IsNotMerged()
    {
        Make("low.qed");
        Make("top.qed", "low.qed");
        MergeJournal journal = Journal(takesTop: true);
        await (journal with { Neighbour = Earlier(journal.Neighbour!) }).WriteAsync(_test["low.qed"], Stop);

        ImageException refused = await Assert.ThrowsAsync<ImageException>(async () => await _test.Host.MergeAsync(_test["top.qed"], cancellationToken: Stop));

        Assert.Equal(ImageErrorKind.InvalidArgument, refused.Kind);
        Assert.True(File.Exists(_test["top.qed"]));
    }

    /// <summary>So it is with an image of a lower layer of an overlay file system, once it was written.</summary>
    [Fact]
    public async Task Neighbour_ThatStays_IsItselfAfterItWasMadeAnew()
    {
        Make("low.qed");
        Make("top.qed", "low.qed");
        Make("left.qed", "low.qed");
        MergeJournal journal = Journal(takesTop: false, "left.qed");
        await (journal with { Neighbour = Earlier(journal.Neighbour!) }).WriteAsync(_test["low.qed"], Stop);

        MergeResult merged = await _test.Host.MergeAsync(_test["top.qed"], cancellationToken: Stop);

        Assert.Equal([_test["left.qed"]], merged.RemovedPaths);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task RenamedFile_IsStillTheOne(bool takesTop)
    {
        Make("low.qed");
        Make("mid.qed", "low.qed");
        Make("top.qed", "mid.qed");
        await Journal(takesTop, "mid.qed").WriteAsync(_test["low.qed"], Stop);
        File.Move(_test["top.qed"], _test["renamed.qed"]);

        MergeResult merged = await _test.Host.MergeAsync(_test["renamed.qed"], cancellationToken: Stop);

        Assert.Equal(takesTop ? ["low.qed"] : ["low.qed", "renamed.qed"], _test.Files);
        Assert.Equal(_test["low.qed"], merged.SurvivorPath);
    }

    /// <summary>A level that the journal does not know has come between: merging the range would take that too.</summary>
    [Fact]
    public async Task LevelBetween_ThatTheJournalDoesNotName_IsNotMerged()
    {
        Make("low.qed");
        Make("other.qed", "low.qed");
        Make("mid.qed", "other.qed");
        Make("top.qed", "mid.qed");
        await Journal(takesTop: false, "mid.qed").WriteAsync(_test["low.qed"], Stop);

        await RefusedAsync("top.qed", "the chain has other levels now");
    }

    [Fact]
    public async Task LevelBetween_ThatTheJournalDoesNotName_DoesNotGoWithTheTop()
    {
        Make("low.qed");
        Make("mid.qed", "low.qed");
        Make("other.qed", "mid.qed");
        Make("top.qed", "other.qed");
        await Journal(takesTop: true, "mid.qed").WriteAsync(_test["low.qed"], Stop);

        MergeResult merged = await _test.Host.MergeAsync(_test["top.qed"], cancellationToken: Stop);

        Assert.Single(merged.RemovedPaths);
        Assert.True(File.Exists(_test["mid.qed"]));
        Assert.False(File.Exists(MergeJournal.PathOf(_test["low.qed"])));
    }

    [Fact]
    public async Task LevelBetween_ThatTheJournalDoesNotName_IsNotPassedByACommit()
    {
        Make("low.qed");
        Make("mid.qed", "low.qed");
        Make("other.qed", "mid.qed");
        Make("top.qed", "other.qed");
        await (Journal(takesTop: false, "mid.qed") with { IsCommit = true, KeepsFiles = true }).WriteAsync(_test["low.qed"], Stop);

        CommitResult committed = await _test.Host.CommitAsync(_test["top.qed"], new CommitOptions { DeleteSuperseded = true }, cancellationToken: Stop);

        Assert.Equal((_test["other.qed"], 0), (committed.TargetPath, committed.SupersededPaths.Count));
        Assert.False(File.Exists(MergeJournal.PathOf(_test["low.qed"])));
    }

    [Fact]
    public async Task NewTop_WithTheNameOfTheOneThatWasCommitted_IsCommittedOnlyAsAsked()
    {
        Make("low.qed");
        Make("mid.qed", "low.qed");
        Make("top.qed", "mid.qed");
        MergeJournal journal = Journal(takesTop: false, "mid.qed") with { IsCommit = true, KeepsFiles = true };
        await (journal with { Neighbour = Earlier(journal.Neighbour!) }).WriteAsync(_test["low.qed"], Stop);

        CommitResult committed = await _test.Host.CommitAsync(_test["top.qed"], new CommitOptions(), cancellationToken: Stop);

        Assert.Equal((_test["mid.qed"], 0), (committed.TargetPath, committed.SupersededPaths.Count));
    }

    /// <summary>Before the links change nothing depends on the neighbour: it may have been replaced, or be on a volume that has another number now.</summary>
    [Theory]
    [InlineData(MergeDirection.Down)]
    [InlineData(MergeDirection.Up)]
    public async Task OtherNeighbour_BeforeTheLinks_IsNoObstacle(MergeDirection direction)
    {
        string[] names = ["low.qed", "mid.qed", "up.qed", "top.qed"];
        foreach ((int i, string name) in names.Index())
        {
            Make(name, i == 0 ? null : names[i - 1]);
        }

        JournalFile other = FileOf("low.qed");
        other = other with { Mark = new FileMark(new StorageIdentity(other.Mark.Identity.DeviceId + 1, 5), 6) };
        bool isDown = direction == MergeDirection.Down;
        string survivor = isDown ? "low.qed" : "top.qed";
        MergeJournal journal = Journal(takesTop: false, "mid.qed", "up.qed") with { Survivor = FileOf(survivor).Mark, Direction = direction, Neighbour = other };
        await (isDown ? journal with { Files = [journal.Files[0]] } : journal).WriteAsync(_test[survivor], Stop);

        // As its first name changes, the journal names the one that is there now: should this one be interrupted too, the next one needs it.
        var backend = new HookedBackend();
        var options = new DiskHostOptions { LoadDefaultPlugins = false };
        options.Backends.Add(backend);
        using var host = new DiskHost(options);
        FileMark? named = null;
        backend.Hook = (what, name) =>
        {
            if (what == "write" && name == _test[isDown ? "up.qed" : "top.qed"])
            {
                named = TestHost.Run(MergeJournal.ReadAsync(_test[survivor], FilePeek.At(_test[survivor]).Mark, Stop))?.Neighbour?.Mark;
            }
        };

        MergeResult merged = await host.MergeAsync(_test["top.qed"], cancellationToken: Stop);

        Assert.Equal(FileOf(isDown ? "up.qed" : "low.qed").Mark, named);
        Assert.Equal(direction, merged.Direction);
        Assert.Equal(isDown ? ["low.qed", "top.qed", "up.qed"] : ["low.qed", "top.qed"], _test.Files);
    }

    /// <summary>It holds what the survivor does not have yet.</summary>
    [Fact]
    public async Task TopThatWasRenamed_IsNotTakenForOneThatIsMerged()
    {
        Make("low.qed");
        Make("top.qed", "low.qed");
        await Journal(takesTop: true).WriteAsync(_test["low.qed"], Stop);
        File.Move(_test["top.qed"], _test["renamed.qed"]);

        await RefusedAsync("low.qed", $"merge the chain of '{_test["renamed.qed"]}' instead");
        await RefusedAsync("top.qed", $"merge the chain of '{_test["renamed.qed"]}' instead");
    }

    /// <summary>In another folder nobody looks for it, nor on a volume that is not there: only the journal can tell that it was copied.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TopThatIsGone_IsMergedOnlyWhenItWasCopied(bool isCopied)
    {
        Make("low.qed");
        Make("mid.qed", "low.qed");
        Make("top.qed", "mid.qed");
        await (Journal(takesTop: true, "mid.qed") with { IsTopCopied = isCopied }).WriteAsync(_test["low.qed"], Stop);
        Directory.CreateDirectory(_test["sub"]);
        File.Move(_test["top.qed"], _test["sub/renamed.qed"]);
        if (!isCopied)
        {
            await RefusedAsync("low.qed", $"'{_test["top.qed"]}' is not there any more");
            return;
        }

        MergeResult merged = await _test.Host.MergeAsync(_test["low.qed"], cancellationToken: Stop);

        Assert.Equal([_test["top.qed"], _test["mid.qed"]], merged.RemovedPaths);
    }

    /// <summary>Who lies over the same level says nothing of the one whose link was to change.</summary>
    [Fact]
    public async Task NeighbourThatIsInPlace_IsNotPassedOverByAnotherOne()
    {
        Make("low.qed");
        Make("mid.qed", "low.qed");
        Make("sub/above.qed", "../mid.qed");
        await Journal(takesTop: false, "sub/above.qed", ["mid.qed"]).WriteAsync(_test["low.qed"], Stop);
        Make("top.qed", "mid.qed");

        await RefusedAsync("top.qed", $"merge the chain of '{_test["sub/above.qed"]}' instead");
    }

    /// <summary>Without one the next run would do something else.</summary>
    [Fact]
    public async Task JournalOfAnotherNeighbour_StaysUntilThereIsANewOne()
    {
        Make("low.qed");
        Make("mid.qed", "low.qed");
        Make("up.qed", "mid.qed");
        Make("top.qed", "up.qed");
        MergeJournal journal = Journal(takesTop: false, "up.qed") with { Survivor = FileOf("top.qed").Mark, Direction = MergeDirection.Up, Neighbour = FileOf("low.qed") };
        await journal.WriteAsync(_test["top.qed"], Stop);
        Make("other.qed", "up.qed");

        ImageException refused = await Assert.ThrowsAsync<ImageException>(async () => await _test.Host.MergeAsync(_test["top.qed"], cancellationToken: Stop));

        Assert.Equal(ImageErrorKind.InUse, refused.Kind);
        Assert.True(File.Exists(MergeJournal.PathOf(_test["top.qed"])));
        File.Delete(_test["other.qed"]);

        MergeResult merged = await _test.Host.MergeAsync(_test["top.qed"], new MergeOptions { KeepFiles = true }, cancellationToken: Stop);

        Assert.Equal([_test["up.qed"]], merged.KeptPaths);
        Assert.False(File.Exists(MergeJournal.PathOf(_test["top.qed"])));
    }

    [Fact]
    public async Task TopWhoseFolderIsNotThere_IsNotTakenForOneThatIsMerged()
    {
        Make("low.qed");
        Make("sub/top.qed", "../low.qed");
        await Journal(takesTop: true, "sub/top.qed", []).WriteAsync(_test["low.qed"], Stop);
        Directory.Move(_test["sub"], _test["elsewhere"]);

        await RefusedAsync("low.qed", $"merge the chain of '{_test["sub/top.qed"]}' instead");
    }

    /// <summary>Where a file system tells births only since a new kernel, the number has to do, and the name; but nothing is deleted by it, since numbers are easily guessed.</summary>
    [Fact]
    public async Task UnknownBirth_IsNoDifference()
    {
        Make("low.qed");
        Make("top.qed", "low.qed");
        Make("left.qed", "low.qed");
        MergeJournal journal = Journal(takesTop: false, "left.qed");
        await (journal with
        {
            Survivor = journal.Survivor with { BirthStamp = 0 },
            Neighbour = journal.Neighbour! with { Mark = journal.Neighbour.Mark with { BirthStamp = 0 } },
            Files = [journal.Files[0] with { Mark = journal.Files[0].Mark with { BirthStamp = 0 } }],
        }).WriteAsync(_test["low.qed"], Stop);

        MergeResult merged = await _test.Host.MergeAsync(_test["top.qed"], cancellationToken: Stop);

        Assert.Equal([_test["left.qed"]], merged.KeptPaths);
    }

    private async Task RefusedAsync(string merged, string why)
    {
        string[] before = _test.Files;
        ImageException refused = await Assert.ThrowsAsync<ImageException>(async () => await _test.Host.MergeAsync(_test[merged], cancellationToken: Stop));
        Assert.Equal(ImageErrorKind.InvalidArgument, refused.Kind);
        Assert.Contains(why, refused.Message, StringComparison.Ordinal);
        Assert.Equal(before, _test.Files);
    }

    private void Make(string name, string? parent = null) => _test.Qed(name, Size, parent);

    private MergeJournal Journal(bool takesTop, params string[] files) => Journal(takesTop, "top.qed", files);

    private MergeJournal Journal(bool takesTop, string top, string[] files) => new()
    {
        Survivor = FilePeek.At(_test["low.qed"]).Mark,
        SurvivorFormat = "qed",
        Direction = MergeDirection.Down,
        Neighbour = FileOf(top),
        TakesTop = takesTop,
        KeepsFiles = false,
        Files = [.. files.Select(FileOf)],
    };

    private JournalFile FileOf(string name) => TestHost.JournalFileAt(_test[name]);

    private static JournalFile Earlier(JournalFile file) => file with { Mark = file.Mark with { BirthStamp = file.Mark.BirthStamp - 1 } };

    // Which number a new file gets is the file system's choice: usually the same one at once.
    private void Replace(string gone, string made, string parent, StorageIdentity number)
    {
        File.Delete(_test[gone]);
        Make(made, parent);
        if (FilePeek.At(_test[made]).Identity != number)
        {
            TestContext.Current.SendDiagnosticMessage("the new file got another number");
        }
    }
}
