using QedVd.Host.Tests.Operations;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>What lies beside an image and calls itself the journal of a merge is believed only as far as the chain shows it.</summary>
public sealed class PushJournalTests : IDisposable
{
    private const int Size = 64 * 4096;

    private readonly TestHost _test = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => _test.Dispose();

    [Fact]
    public async Task WhatAnInterruptedMergeHasLeft_IsDeleted_AndNothingElseIsMerged()
    {
        string top = await ChainAsync();
        _test.Qed("left.qed", Size, "low.qed");
        await JournalAsync("low.qed", "top.qed", "left.qed");
        MergeResult result = await _test.Host.MergeAsync(top, cancellationToken: Stop);
        Assert.Equal((MergeDirection.Down, _test["low.qed"]), (result.Direction, result.SurvivorPath));
        Assert.Equal([_test["left.qed"]], result.RemovedPaths);
        Assert.Equal(["base.qed", "low.qed", "top.qed"], _test.Files);

        // The next one does what it is asked for.
        await _test.Host.MergeAsync(top, cancellationToken: Stop);
        Assert.Equal(2, _test.Files.Length);
    }

    [Fact]
    public async Task FinishMerge_NeedsOnlyTheSurvivor()
    {
        await ChainAsync();
        _test.Qed("left.qed", Size, "low.qed");
        Assert.Null(await _test.Host.FinishMergeAsync(_test["low.qed"], cancellationToken: Stop));
        await JournalAsync("low.qed", "top.qed", "left.qed");
        Assert.Equal([_test["left.qed"]], (await _test.Host.FinishMergeAsync(_test["low.qed"], cancellationToken: Stop))!.RemovedPaths);
        Assert.Null(await _test.Host.FinishMergeAsync(_test["low.qed"], cancellationToken: Stop));
    }

    [Theory]
    [InlineData("no parent")]
    [InlineData("another parent")]
    [InlineData("another folder")]
    [InlineData("has a child")]
    [InlineData("may have a child")]
    [InlineData("another file")]
    [InlineData("grown")]
    [InlineData("a link")]
    [InlineData("no image")]
    [InlineData("in use")]
    public async Task AJournalThatLies_DeletesNothing(string kind)
    {
        string top = await ChainAsync();
        string victim = kind == "another folder" ? "sub/victim.qed" : "victim.qed";
        switch (kind)
        {
            case "no image":
                _test.Raw(victim, 5000, 7);
                break;
            default:
                _test.Qed(victim, Size, kind switch { "no parent" => null, "another parent" => "base.qed", "another folder" => "../low.qed", _ => "low.qed" });
                break;
        }

        if (kind == "has a child")
        {
            _test.Qed("child.qed", Size, "victim.qed");
        }

        if (kind == "may have a child")
        {
            // Clusters that are no power of two: what its parent is cannot be told.
            using FileStream damaged = File.OpenWrite(_test.Qed("child.qed", Size, "victim.qed"));
            damaged.Position = 4;
            damaged.WriteByte(3);
        }

        await JournalAsync("low.qed", "top.qed", victim);
        switch (kind)
        {
            case "another file":
                File.Move(_test[victim], _test["kept.qed"]);
                File.Copy(_test["kept.qed"], _test[victim]);
                break;
            case "grown":
                using (VirtualDisk disk = _test.Host.OpenDisk(_test[victim]))
                {
                    disk.Write(0, new byte[] { 1 });
                    disk.Close();
                }

                break;
            case "a link":
                File.Move(_test[victim], _test["kept.qed"]);
                File.CreateSymbolicLink(_test[victim], _test["kept.qed"]);
                break;
            default:
                break;
        }

        string[] before = [.. _test.Files.Where(file => !Path.GetFileName(file).StartsWith('.'))];
        using FileStorage? user = kind == "in use" ? FileStorage.Open(_test[victim], new FileStorageOptions { ReadOnly = true }) : null;
        MergeResult result = await _test.Host.MergeAsync(top, cancellationToken: Stop);
        Assert.Empty(result.RemovedPaths);
        Assert.Equal(before, _test.Files);
    }

    /// <summary>The top may hold what the survivor has not: as long as it is there, the survivor's chain alone decides nothing.</summary>
    [Fact]
    public async Task OpenedByTheSurvivor_WhileTheTopIsThere_NothingIsDeleted()
    {
        await ChainAsync();
        _test.Qed("left.qed", Size, "low.qed");
        await JournalAsync("low.qed", "top.qed", "left.qed");
        string[] before = _test.Files;
        ImageException refused = await Assert.ThrowsAsync<ImageException>(async () => await _test.Host.MergeAsync(_test["low.qed"], cancellationToken: Stop));
        Assert.Equal(ImageErrorKind.InvalidArgument, refused.Kind);
        Assert.Contains("top.qed", refused.Message, StringComparison.Ordinal);
        Assert.Equal(before, _test.Files);
    }

    [Theory]
    [InlineData("")]
    [InlineData("qedvd merge 1\n")]
    [InlineData("qedvd merge 1\nsurvivor x 1 2 qed\nhow down - -\nneighbour -\nend\n")]
    [InlineData("qedvd merge 1\nsurvivor 1 1 0 qed\nhow down - -\nneighbour -\nend\n")]
    [InlineData("qedvd merge 1\nsurvivor ID qed\nhow down top -\nneighbour -\nend\n")]
    [InlineData("qedvd merge 1\nsurvivor ID qed\nhow up top -\nneighbour -\nend\n")]
    [InlineData("qedvd merge 1\nsurvivor ID qed\nhow up top -\nneighbour 1 1 0 5 base.qed\nend\n")]
    [InlineData("qedvd merge 1\nsurvivor ID qed\nhow commit top -\nneighbour 1 1 0 5 top.qed\nend\n")]
    [InlineData("qedvd merge 1\nsurvivor 1 1 0 qed\nhow down - -\nneighbour -\nfile 1 1 0 5\nend\n")]
    public async Task SomethingElseUnderThatName_IsNamed_AndNothingIsChanged(string text)
    {
        string top = await ChainAsync();
        string journal = MergeJournal.PathOf(_test["low.qed"]);
        StorageIdentity low = FilePeek.At(_test["low.qed"]).Identity;
        string filled = text.Replace("ID", FormattableString.Invariant($"{low.DeviceId:x} {low.FileId:x} {low.FileIdHigh:x}"), StringComparison.Ordinal);
        await File.WriteAllTextAsync(journal, filled, Stop);
        string[] before = _test.Files;
        ImageException refused = await Assert.ThrowsAsync<ImageException>(async () => await _test.Host.MergeAsync(top, cancellationToken: Stop));
        Assert.Equal(ImageErrorKind.Corrupt, refused.Kind);
        Assert.Contains(journal, refused.Message, StringComparison.Ordinal);
        Assert.Equal(before, _test.Files);

        // A link is not followed, neither for reading nor for writing.
        File.Delete(journal);
        File.CreateSymbolicLink(journal, _test.Raw("other", 100, 1));
        Assert.Equal(ImageErrorKind.Corrupt, (await Assert.ThrowsAsync<ImageException>(async () => await _test.Host.MergeAsync(top, cancellationToken: Stop))).Kind);
        Assert.Equal(100, new FileInfo(_test["other"]).Length);
    }

    /// <summary>Whether files go is up to who finishes a commit, not to what was asked for then.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WhatAnInterruptedCommitHasLeft_IsDeletedOnlyWhenAskedForNow(bool isAsked)
    {
        string top = await ChainAsync();
        string left = _test.Qed("left.qed", Size, "low.qed");
        await new MergeJournal
        {
            Survivor = FilePeek.At(_test["low.qed"]).Identity,
            SurvivorFormat = "qed",
            Direction = MergeDirection.Down,
            IsCommit = true,
            Neighbour = Of("top.qed"),
            TakesTop = false,
            KeepsFiles = !isAsked,
            Files = [Of("left.qed")],
        }.WriteAsync(_test["low.qed"], Stop);
        CommitResult result = await _test.Host.CommitAsync(top, new CommitOptions { DeleteSuperseded = isAsked }, cancellationToken: Stop);
        Assert.Equal(isAsked ? [] : [left], result.SupersededPaths);
        Assert.Equal(isAsked ? [left] : [], result.DeletedPaths);
        Assert.Equal(isAsked ? ["base.qed", "low.qed", "top.qed"] : ["base.qed", "left.qed", "low.qed", "top.qed"], _test.Files);
    }

    [Fact]
    public async Task ACommitPastLevels_IntoWhatAnotherMergeHasNotFinished_IsRefusedBeforeAnythingIsCopied()
    {
        await ChainAsync();
        string above = _test.Qed("above.qed", Size, "top.qed");
        using (VirtualDisk disk = _test.Host.OpenDisk(above))
        {
            disk.Write(0, new byte[] { 1 });
            disk.Close();
        }

        _test.Qed("elsewhere.qed", Size);
        await JournalAsync("low.qed", "elsewhere.qed");
        byte[] before = await File.ReadAllBytesAsync(_test["low.qed"], Stop);
        ImageException refused = await Assert.ThrowsAsync<ImageException>(
            async () => await _test.Host.CommitAsync(above, new CommitOptions { TargetDepth = 2 }, cancellationToken: Stop));
        Assert.Contains(MergeJournal.PathOf(_test["low.qed"]), refused.Message, StringComparison.Ordinal);
        Assert.Equal(before, await File.ReadAllBytesAsync(_test["low.qed"], Stop));
    }

    private Task<string> ChainAsync()
    {
        _test.Qed("base.qed", Size);
        _test.Qed("low.qed", Size, "base.qed");
        return Task.FromResult(_test.Qed("top.qed", Size, "low.qed"));
    }

    private async Task JournalAsync(string survivor, string neighbour, params string[] files) => await new MergeJournal
    {
        Survivor = FilePeek.At(_test[survivor]).Identity,
        SurvivorFormat = "qed",
        Direction = MergeDirection.Down,
        Neighbour = Of(neighbour),
        TakesTop = false,
        KeepsFiles = false,
        Files = [.. files.Select(Of)],
    }.WriteAsync(_test[survivor], Stop);

    private JournalFile Of(string name) => new(FilePeek.At(_test[name]).Identity, new FileInfo(_test[name]).Length, _test[name]);
}
