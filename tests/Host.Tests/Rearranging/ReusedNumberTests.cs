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
    [Theory]
    [InlineData("low.qed", "other.qed", "mid.qed", "top.qed")]
    [InlineData("low.qed", "mid.qed", "other.qed", "top.qed")]
    public async Task LevelBetween_ThatTheJournalDoesNotName_IsNotMerged(params string[] names)
    {
        foreach ((int i, string name) in names.Index())
        {
            Make(name, i == 0 ? null : names[i - 1]);
        }

        await Journal(takesTop: false, "mid.qed").WriteAsync(_test["low.qed"], Stop);
        string[] before = _test.Files;

        ImageException refused = await Assert.ThrowsAsync<ImageException>(async () => await _test.Host.MergeAsync(_test["top.qed"], cancellationToken: Stop));

        Assert.Equal(ImageErrorKind.InvalidArgument, refused.Kind);
        Assert.Equal(before, _test.Files);
    }

    private void Make(string name, string? parent = null) => _test.Qed(name, Size, parent);

    private MergeJournal Journal(bool takesTop, params string[] files) => new()
    {
        Survivor = FilePeek.At(_test["low.qed"]).Mark,
        SurvivorFormat = "qed",
        Direction = MergeDirection.Down,
        Neighbour = FileOf("top.qed"),
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
