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
        Replace("b.qed", "child.qed", parent: "a.qed", journal.Files[1].Identity);

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
        Replace("mid.qed", "other.qed", parent: "low.qed", journal.Files[0].Identity);

        ImageException refused = await Assert.ThrowsAsync<ImageException>(async () => await _test.Host.MergeAsync(_test["top.qed"], cancellationToken: Stop));

        Assert.Equal(ImageErrorKind.InUse, refused.Kind);
        Assert.Contains("other.qed", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Top_ThatIsNew_IsNotMergedAsTheOneThatWasToGo()
    {
        Make("low.qed");
        Make("mid.qed", "low.qed");
        Make("top.qed", "mid.qed");
        MergeJournal journal = Journal(takesTop: true);
        await journal.WriteAsync(_test["low.qed"], Stop);
        Replace("top.qed", "new.qed", parent: "mid.qed", journal.Neighbour!.Identity);

        ImageException refused = await Assert.ThrowsAsync<ImageException>(
            async () => await _test.Host.MergeAsync(_test["new.qed"], new MergeOptions { FromDepth = 1, ToDepth = 2 }, cancellationToken: Stop));

        Assert.Equal(ImageErrorKind.InvalidArgument, refused.Kind);
        Assert.True(File.Exists(_test["new.qed"]));
    }

    private void Make(string name, string? parent = null) => _test.Qed(name, Size, parent);

    private MergeJournal Journal(bool takesTop, params string[] files) => new()
    {
        Survivor = FilePeek.At(_test["low.qed"]).Identity,
        SurvivorFormat = "qed",
        Direction = MergeDirection.Down,
        Neighbour = FileOf("top.qed"),
        TakesTop = takesTop,
        KeepsFiles = false,
        Files = [.. files.Select(FileOf)],
    };

    private JournalFile FileOf(string name) => new(FilePeek.At(_test[name]).Identity, new FileInfo(_test[name]).Length, _test[name]);

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
