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

    /// <summary>The folders to look through are named to whoever finishes it, however that is.</summary>
    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public async Task AChildInAFolderThatIsNamed_KeepsItsParent(bool bySurvivor, bool isTopGone)
    {
        string top = await ChainAsync();
        _test.Qed("left.qed", Size, "low.qed");
        _test.Qed("elsewhere/child.qed", Size, "../left.qed");
        await JournalAsync("low.qed", "top.qed", "left.qed");
        if (isTopGone)
        {
            MergeJournal journal = (await MergeJournal.ReadAsync(_test["low.qed"], FilePeek.At(_test["low.qed"]).Mark, Stop))!;
            File.Delete(MergeJournal.PathOf(_test["low.qed"]));
            await (journal with { TakesTop = true, IsTopCopied = true }).WriteAsync(_test["low.qed"], Stop);
            File.Delete(top);
        }

        var options = new MergeOptions { SiblingFolders = [_test["elsewhere"]] };
        MergeResult? result = bySurvivor
            ? await _test.Host.FinishMergeAsync(_test["low.qed"], options, cancellationToken: Stop)
            : await _test.Host.MergeAsync(top, options, cancellationToken: Stop);

        Assert.Equal(isTopGone ? [top] : [], result!.RemovedPaths);
        Assert.Equal([_test["left.qed"]], result.KeptPaths);
        Assert.True(File.Exists(_test["left.qed"]));
    }

    /// <summary>As after a restart, where the file system has other device numbers at each mount.</summary>
    [Theory]
    [InlineData(false, true)]
    [InlineData(true, false)]
    public async Task AJournalOfAnotherDeviceNumber_MeansTheSameFiles_WhenAllOfThemHadIt(bool isVictimElsewhere, bool isDeleted)
    {
        await ChainAsync();
        _test.Qed("left.qed", Size, "low.qed");
        await JournalAsync("low.qed", "top.qed", "left.qed");
        string journal = MergeJournal.PathOf(_test["low.qed"]);
        string[] lines = [.. (await File.ReadAllTextAsync(journal, Stop)).Split('\n').Select(line =>
            line.Split(' ') is [var word and ("survivor" or "neighbour" or "file"), _, .. var rest] ? $"{word} {(word == "file" && isVictimElsewhere ? "abd" : "abc")} {string.Join(' ', rest)}" : line)];
        await File.WriteAllTextAsync(journal, string.Join('\n', lines), Stop);

        MergeResult? result = await _test.Host.FinishMergeAsync(_test["low.qed"], cancellationToken: Stop);

        Assert.NotNull(result);
        Assert.Equal(isDeleted, !File.Exists(_test["left.qed"]));
    }

    [Theory]
    [InlineData("no parent")]
    [InlineData("a server as parent")]
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
                _test.Qed(victim, Size, kind switch { "no parent" => null, "a server as parent" => "nbd:host:1", "another parent" => "base.qed", "another folder" => "../low.qed", _ => "low.qed" });
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
    [InlineData("qedvd merge 1\nsurvivor ID qed\nhow down - -\nneighbour -\nend\n")]
    [InlineData("qedvd merge 2\n")]
    [InlineData("qedvd merge 2\nsurvivor x 1 2 0 qed\nhow down - -\nneighbour -\nend\n")]
    [InlineData("qedvd merge 2\nsurvivor 1 1 0 0 qed\nhow down - -\nneighbour -\nend\n")]
    [InlineData("qedvd merge 2\nsurvivor ID qed\nhow down source -\nneighbour -\nend\n")]
    [InlineData("qedvd merge 2\nsurvivor ID qed\nhow up source -\nneighbour -\nend\n")]
    [InlineData("qedvd merge 2\nsurvivor ID qed\nhow up source -\nneighbour 1 1 0 0 5 base.qed\nend\n")]
    [InlineData("qedvd merge 2\nsurvivor ID qed\nhow commit source -\nneighbour 1 1 0 0 5 top.qed\nend\n")]
    [InlineData("qedvd merge 2\nsurvivor 1 1 0 0 qed\nhow down - -\nneighbour -\nfile 1 1 0 0 5\nend\n")]
    public async Task SomethingElseUnderThatName_IsNamed_AndNothingIsChanged(string text)
    {
        string top = await ChainAsync();
        string journal = MergeJournal.PathOf(_test["low.qed"]);
        FileMark low = FilePeek.At(_test["low.qed"]).Mark;
        string filled = text.Replace("ID", FormattableString.Invariant($"{low.Identity.DeviceId:x} {low.Identity.FileId:x} {low.Identity.FileIdHigh:x} {low.BirthStamp:x}"), StringComparison.Ordinal);
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
            Survivor = FilePeek.At(_test["low.qed"]).Mark,
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

    [Fact]
    public async Task MergeByTheNameOfATopThatIsGone_FinishesTheMergeThatHasTakenIt()
    {
        string top = await ChainAsync();
        await new MergeJournal
        {
            Survivor = FilePeek.At(_test["low.qed"]).Mark,
            SurvivorFormat = "qed",
            Direction = MergeDirection.Down,
            Neighbour = Of("top.qed"),
            TakesTop = true,
            IsTopCopied = true,
            KeepsFiles = false,
            Files = [],
        }.WriteAsync(_test["low.qed"], Stop);
        File.Delete(top);

        // Another name is no reason to finish anything.
        Assert.Equal(ImageErrorKind.NotFound, (await Assert.ThrowsAsync<ImageException>(async () => await _test.Host.MergeAsync(_test["other.qed"], cancellationToken: Stop))).Kind);
        Assert.True(File.Exists(MergeJournal.PathOf(_test["low.qed"])));

        MergeResult result = await _test.Host.MergeAsync(top, cancellationToken: Stop);
        Assert.Equal((MergeDirection.Down, _test["low.qed"]), (result.Direction, result.SurvivorPath));
        Assert.Equal([top], result.RemovedPaths);
        Assert.Equal(["base.qed", "low.qed"], _test.Files);
        foreach (string missing in (string[])[top, _test["nowhere/top.qed"], "/"])
        {
            Assert.NotEqual(ImageErrorKind.Corrupt, (await Assert.ThrowsAsync<ImageException>(async () => await _test.Host.MergeAsync(missing, cancellationToken: Stop))).Kind);
        }
    }

    [Fact]
    public async Task FinishMerge_OfARawSurvivor_OpensItAsWhatTheJournalSays()
    {
        string survivor = _test.Raw("low.raw", Size, 5);
        await new MergeJournal
        {
            Survivor = FilePeek.At(survivor).Mark,
            SurvivorFormat = "raw",
            Direction = MergeDirection.Down,
            Neighbour = Of(Path.GetFileName(_test.Qed("top.qed", Size, "low.raw", "raw"))),
            TakesTop = true,
            IsTopCopied = true,
            KeepsFiles = false,
            Files = [],
        }.WriteAsync(survivor, Stop);
        File.Delete(_test["top.qed"]);

        Assert.Equal([_test["top.qed"]], (await _test.Host.FinishMergeAsync(survivor, cancellationToken: Stop))!.RemovedPaths);
        Assert.Equal(["low.raw"], _test.Files);
    }

    /// <summary>Anybody may have written the journal: it decides which image is opened only among those beside it.</summary>
    [Fact]
    public async Task FinishMerge_WhoseNeighbourLiesElsewhere_AsksForItsChain()
    {
        await ChainAsync();
        _test.Qed("sub/above.qed", Size, "../low.qed");
        await JournalAsync("low.qed", "sub/above.qed");
        string[] before = _test.Files;

        ImageException refused = await Assert.ThrowsAsync<ImageException>(async () => await _test.Host.FinishMergeAsync(_test["low.qed"], cancellationToken: Stop));
        Assert.Equal(ImageErrorKind.InvalidArgument, refused.Kind);
        Assert.Contains(_test["sub/above.qed"], refused.Message, StringComparison.Ordinal);
        Assert.Equal(before, _test.Files);
    }

    [Fact]
    public async Task FinishMerge_WhoseNeighbourIsALinkByNow_DoesNotFollowIt()
    {
        string top = await ChainAsync();
        await JournalAsync("low.qed", "top.qed");
        File.Move(top, _test["kept.qed"]);
        File.CreateSymbolicLink(top, _test["kept.qed"]);

        ImageException refused = await Assert.ThrowsAsync<ImageException>(async () => await _test.Host.FinishMergeAsync(_test["low.qed"], cancellationToken: Stop));
        Assert.Equal(ImageErrorKind.InvalidArgument, refused.Kind);
        Assert.True(File.Exists(MergeJournal.PathOf(_test["low.qed"])));
    }

    [Fact]
    public async Task AMergeOfATopThatHasLevelsAboveItNow_IsGivenUp_AndWhatItTookOutOfTheChainGoes()
    {
        await ChainAsync();
        string left = _test.Qed("left.qed", Size, "low.qed");
        await new MergeJournal
        {
            Survivor = FilePeek.At(_test["low.qed"]).Mark,
            SurvivorFormat = "qed",
            Direction = MergeDirection.Down,
            Neighbour = Of("top.qed"),
            TakesTop = true,
            KeepsFiles = false,
            Files = [Of("left.qed")],
        }.WriteAsync(_test["low.qed"], Stop);
        string over = _test.Qed("over.qed", Size, "top.qed");

        MergeResult result = await _test.Host.MergeAsync(over, new MergeOptions { Direction = MergeDirection.Up }, cancellationToken: Stop);

        Assert.Equal((over, _test["top.qed"]), (result.SurvivorPath, Assert.Single(result.RemovedPaths)));
        Assert.False(File.Exists(left));
        Assert.Equal(["base.qed", "low.qed", "over.qed"], _test.Files);
    }

    [Fact]
    public async Task ACommitsJournalThatNamesALevelOfTheChain_DeletesNothing()
    {
        string top = await ChainAsync();
        await new MergeJournal
        {
            Survivor = FilePeek.At(_test["low.qed"]).Mark,
            SurvivorFormat = "qed",
            Direction = MergeDirection.Down,
            IsCommit = true,
            Neighbour = Of("top.qed"),
            TakesTop = false,
            KeepsFiles = false,
            Files = [Of("base.qed")],
        }.WriteAsync(_test["low.qed"], Stop);

        CommitResult result = await _test.Host.CommitAsync(top, new CommitOptions { DeleteSuperseded = true }, cancellationToken: Stop);

        Assert.Empty(result.DeletedPaths);
        Assert.Equal(["base.qed", "low.qed", "top.qed"], _test.Files);
    }

    [Fact]
    public async Task AJournalBeyondItsLargestSize_IsNeitherReadNorWritten()
    {
        string top = await ChainAsync();
        string journal = MergeJournal.PathOf(_test["low.qed"]);
        await File.WriteAllBytesAsync(journal, new byte[300 << 10], Stop);
        ImageException refused = await Assert.ThrowsAsync<ImageException>(async () => await _test.Host.MergeAsync(top, cancellationToken: Stop));
        Assert.Equal(ImageErrorKind.Corrupt, refused.Kind);
        Assert.Contains("too long", refused.Message, StringComparison.Ordinal);

        File.Delete(journal);
        JournalFile far = Of("top.qed") with { Path = $"/{new string('x', 200)}/{new string('y', 200)}" };
        await Assert.ThrowsAsync<ImageException>(async () => await new MergeJournal
        {
            Survivor = FilePeek.At(_test["low.qed"]).Mark,
            SurvivorFormat = "qed",
            Direction = MergeDirection.Down,
            Neighbour = far,
            TakesTop = false,
            KeepsFiles = false,
            Files = [.. Enumerable.Repeat(far, 1000)],
        }.WriteAsync(_test["low.qed"], Stop));
        Assert.Equal(["base.qed", "low.qed", "top.qed"], _test.Files);
    }

    [Fact]
    public async Task ManyOtherChildren_AreNotAllNamed()
    {
        string top = await ChainAsync();
        for (int i = 0; i < 7; i++)
        {
            _test.Qed($"child{i}.qed", Size, "low.qed");
        }

        ImageException refused = await Assert.ThrowsAsync<ImageException>(async () => await _test.Host.CommitAsync(top, cancellationToken: Stop));
        Assert.Equal(ImageErrorKind.InUse, refused.Kind);
        Assert.Contains(" and 2 more", refused.Message, StringComparison.Ordinal);
    }

    private Task<string> ChainAsync()
    {
        _test.Qed("base.qed", Size);
        _test.Qed("low.qed", Size, "base.qed");
        return Task.FromResult(_test.Qed("top.qed", Size, "low.qed"));
    }

    private async Task JournalAsync(string survivor, string neighbour, params string[] files) => await new MergeJournal
    {
        Survivor = FilePeek.At(_test[survivor]).Mark,
        SurvivorFormat = "qed",
        Direction = MergeDirection.Down,
        Neighbour = Of(neighbour),
        TakesTop = false,
        KeepsFiles = false,
        Files = [.. files.Select(Of)],
    }.WriteAsync(_test[survivor], Stop);

    private JournalFile Of(string name) => TestHost.JournalFileAt(_test[name]);
}
