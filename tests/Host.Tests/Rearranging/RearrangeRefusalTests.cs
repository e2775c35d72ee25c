using QedVd.Backends.Qed;
using QedVd.Host.Tests.Chains;
using QedVd.Host.Tests.Operations;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>What a commit, a merge and a rebase refuse, with what words, and that nothing is changed then.</summary>
public sealed class RearrangeRefusalTests : IDisposable
{
    private const int Size = 16 * 4096;

    private readonly TestHost _test = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => _test.Dispose();

    [Fact]
    public async Task AnOpenDiskAsTheParent_IsNeitherMergedNorCommittedInto()
    {
        using VirtualDisk parent = _test.Host.OpenDisk(_test.Qed("base.qed", Size));
        using VirtualDisk disk = _test.Host.OpenDisk(_test.Qed("top.qed", Size), new DiskOpenOptions { ParentDisk = parent });
        foreach (MergeDirection direction in (MergeDirection[])[MergeDirection.Down, MergeDirection.Up])
        {
            await AssertRefusedAsync(
                async () => await disk.MergeAsync(new MergeOptions { Direction = direction }, cancellationToken: Stop),
                ImageErrorKind.NotSupported,
                "top.qed",
                "merge",
                $"{_test["top.qed"]}: the level 1, '{_test["base.qed"]}', was given as an open disk, and cannot be merged. Close both, and open the chain by its files.");
        }

        await AssertRefusedAsync(
            async () => await disk.CommitAsync(cancellationToken: Stop),
            ImageErrorKind.NotSupported,
            "base.qed",
            "write",
            $"{_test["base.qed"]}: this level is an open disk, given as a parent, and is written through that disk only. Close both, and open the chain by its files.");
        await AssertRefusedAsync(
            async () => await disk.FlattenAsync(cancellationToken: Stop),
            ImageErrorKind.InvalidArgument,
            "top.qed",
            "flatten",
            $"{_test["top.qed"]}: its parent '{_test["base.qed"]}' is a disk that may be written meanwhile, so that there is no content to keep. Make that disk read-only, and open this one again to flatten it.");
        disk.Write(0, [1]);
    }

    [Fact]
    public async Task ADiskThatIsOpenForReadingOnly_IsNotRearranged()
    {
        _test.Qed("base.qed", Size);
        using VirtualDisk disk = _test.Host.OpenDisk(_test.Qed("top.qed", Size, "base.qed"), new DiskOpenOptions { ReadOnly = true });
        (string Name, Func<Task> Run)[] operations =
        [
            ("commit", async () => await disk.CommitAsync(cancellationToken: Stop)),
            ("merge", async () => await disk.MergeAsync(new MergeOptions { Direction = MergeDirection.Down }, cancellationToken: Stop)),
            ("merge", async () => await disk.MergeAsync(new MergeOptions { Direction = MergeDirection.Up }, cancellationToken: Stop)),
            ("flatten", async () => await disk.FlattenAsync(cancellationToken: Stop)),
            ("rebase", async () => await disk.RebaseAsync(null, cancellationToken: Stop)),
            ("revert", async () => await disk.RevertAsync(cancellationToken: Stop)),
        ];
        foreach ((string name, Func<Task> run) in operations)
        {
            await AssertRefusedAsync(
                run, ImageErrorKind.ReadOnly, "top.qed", name, $"{_test["top.qed"]}: the disk is open for reading only. Open it without ReadOnly to {name} it.");
        }
    }

    [Fact]
    public async Task OverAnOpenDisk_TheLevelsAboveIt_CannotGetItAsTheirParent()
    {
        _test.Qed("base.qed", Size);
        using VirtualDisk parent = _test.Host.OpenDisk(_test["base.qed"], new DiskOpenOptions { ReadOnly = true });
        using VirtualDisk disk = _test.Host.OpenDisk(_test.Qed("low.qed", Size), new DiskOpenOptions { ParentDisk = parent });
        await disk.SnapshotAsync(_test["top.qed"], cancellationToken: Stop);
        await AssertRefusedAsync(
            async () => await disk.MergeAsync(new MergeOptions { Direction = MergeDirection.Up }, cancellationToken: Stop),
            ImageErrorKind.NotSupported,
            "top.qed",
            "merge",
            $"{_test["top.qed"]}: what would become the parent of '{_test["top.qed"]}' was given as an open disk, and has no name to record. Open the chain by its names to merge it.");
        Assert.Equal(3, disk.Levels.Count);

        // Downwards none of them needs its name.
        Assert.Equal(_test["low.qed"], (await disk.MergeAsync(new MergeOptions { Direction = MergeDirection.Down }, cancellationToken: Stop)).SurvivorPath);
    }

    [Fact]
    public async Task ADiskWithOpenChildren_IsNotMergedAway()
    {
        _test.Qed("base.qed", Size);
        using VirtualDisk disk = _test.Host.OpenDisk(_test.Qed("top.qed", Size, "base.qed"));
        using VirtualDisk first = _test.Host.OpenDisk(_test.Qed("sub/first.qed", Size), new DiskOpenOptions { ParentDisk = disk });
        using VirtualDisk second = _test.Host.OpenDisk(_test.Qed("sub/second.qed", Size), new DiskOpenOptions { ParentDisk = disk });
        await AssertRefusedAsync(
            async () => await disk.MergeAsync(new MergeOptions { Direction = MergeDirection.Down }, cancellationToken: Stop),
            ImageErrorKind.InUse,
            "top.qed",
            "merge",
            $"{_test["top.qed"]}: 2 open disks have this one as their parent, and would lose its file. Close them first, or merge upwards.");

        Assert.Equal(MergeDirection.Up, (await disk.MergeAsync(cancellationToken: Stop)).Direction);
    }

    [Fact]
    public async Task ATopThatIsALink_IsNotMergedAway_UnlessItsFileStays()
    {
        _test.Qed("base.qed", Size);
        _test.Qed("top.qed", Size, "base.qed");
        File.CreateSymbolicLink(_test["link.qed"], "top.qed");
        using VirtualDisk disk = _test.Host.OpenDisk(_test["link.qed"]);
        await AssertRefusedAsync(
            async () => await disk.MergeAsync(new MergeOptions { Direction = MergeDirection.Down }, cancellationToken: Stop),
            ImageErrorKind.InvalidArgument,
            "link.qed",
            "merge",
            $"{_test["link.qed"]}: this name is a link, or leads to another file by now, so that the top's file could not be deleted at the end, and would hide what is written from then on. Open the file by its own name, or merge upwards.");

        MergeResult result = await disk.MergeAsync(new MergeOptions { Direction = MergeDirection.Down, KeepFiles = true }, cancellationToken: Stop);
        Assert.Equal([_test["link.qed"]], result.KeptPaths);
    }

    [Fact]
    public async Task ALongerParentThatCannotShrink_IsMergedUpwardsOnly()
    {
        IDiskImage top = TestDisks.Filled("top", 4096, 512, 1);
        using VirtualDisk disk = TestDisks.Compose(top, TestDisks.Filled("base", 8192, 512, 2));
        ImageException refused = await Assert.ThrowsAsync<ImageException>(async () => await disk.MergeAsync(new MergeOptions { Direction = MergeDirection.Down }, cancellationToken: Stop));
        Assert.Equal("base: 8192 bytes are more than the 4096 of 'top', and the format 'blocks' cannot shrink. Merge upwards.", refused.Message);
        Assert.Equal((ImageErrorKind.NotSupported, "base", "merge"), (refused.Kind, refused.Path, refused.Operation));
    }

    [Theory]
    [InlineData(MergeDirection.Up, 0, 1, "a")]
    [InlineData(MergeDirection.Up, 1, 2, "b")]
    [InlineData(MergeDirection.Down, 1, 2, "a")]
    [InlineData(MergeDirection.Down, 0, 2, "a")]
    [InlineData(MergeDirection.Down, 2, 3, "b")]
    public async Task AFormatThatCannotNameAnotherParent_IsToldBeforeAnythingIsCopied(MergeDirection direction, int from, int to, string child)
    {
        using VirtualDisk disk = TestDisks.Compose([.. ((string[])["a", "b", "c", "d"]).Select(name => TestDisks.Filled(name, 4096, 512, 1))]);
        ImageException refused = await Assert.ThrowsAsync<ImageException>(
            async () => await disk.MergeAsync(new MergeOptions { FromDepth = from, ToDepth = to, Direction = direction }, cancellationToken: Stop));
        Assert.Equal($"{child}: the format 'blocks' cannot change the parent's name, as this merge would have to.", refused.Message);
        Assert.Equal((ImageErrorKind.NotSupported, child, "merge"), (refused.Kind, refused.Path, refused.Operation));
        Assert.Equal(4, disk.Levels.Count);
    }

    [Fact]
    public async Task ACommitPastLevels_IsRefused_WhereTheTopCannotNameAnotherParent_BeforeAnythingIsCopied()
    {
        BlockImage target = TestDisks.Filled("target", 4096, 512, 2);
        using VirtualDisk disk = TestDisks.Compose(TestDisks.Filled("top", 4096, 512, 1), TestDisks.Filled("between", 4096, 512, 3), target);
        int writes = target.WriteCount;
        ImageException refused = await Assert.ThrowsAsync<ImageException>(async () => await disk.CommitAsync(new CommitOptions { TargetDepth = 2 }, cancellationToken: Stop));
        Assert.Equal("top: the format 'blocks' cannot give another parent to this image.", refused.Message);
        Assert.Equal((ImageErrorKind.NotSupported, "top"), (refused.Kind, refused.Path));
        Assert.Equal((writes, 3), (target.WriteCount, disk.Levels.Count));
    }

    /// <summary>Only where the parent itself is missing, nobody can say what the disk reads.</summary>
    [Fact]
    public async Task AMissingParent_IsToldWithAWayOut_AMissingNewOneWithoutIt()
    {
        _test.Qed("orphan.qed", Size, "missing.qed");
        _test.Qed("alone.qed", Size);
        const string Hint = " Without its parent nobody can say what the disk reads. To change only the name of the parent, whatever becomes of the content: SetParentNameAsync (rebase -u).";

        ImageException missing = await Assert.ThrowsAsync<ImageException>(async () => await _test.Host.FlattenAsync(_test["orphan.qed"], cancellationToken: Stop));
        Assert.EndsWith(Hint, missing.Message, StringComparison.Ordinal);
        Assert.StartsWith($"{_test["orphan.qed"]}: its parent 'missing.qed' (level 1) does not exist", missing.Message, StringComparison.Ordinal);
        Assert.Equal((ImageErrorKind.NotFound, _test["missing.qed"], "open parent"), (missing.Kind, missing.Path, missing.Operation));

        missing = await Assert.ThrowsAsync<ImageException>(async () => await _test.Host.RebaseAsync(_test["alone.qed"], _test["orphan.qed"], cancellationToken: Stop));
        Assert.Equal((ImageErrorKind.NotFound, "open parent"), (missing.Kind, missing.Operation));
        Assert.DoesNotContain(Hint, missing.Message, StringComparison.Ordinal);

        _test.Qed("loop.qed", Size, "loop.qed");
        missing = await Assert.ThrowsAsync<ImageException>(async () => await _test.Host.FlattenAsync(_test["loop.qed"], cancellationToken: Stop));
        Assert.Equal((ImageErrorKind.Corrupt, "open parent"), (missing.Kind, missing.Operation));
        Assert.DoesNotContain(Hint, missing.Message, StringComparison.Ordinal);

        missing = await Assert.ThrowsAsync<ImageException>(async () => await _test.Host.FlattenAsync(_test["nowhere.qed"], cancellationToken: Stop));
        Assert.Equal(ImageErrorKind.NotFound, missing.Kind);
        Assert.DoesNotContain(Hint, missing.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task FinishMerge_OpensTheSurvivorAsTheJournalSays_AndTheNeighbourAsItIs_WithTheOptionsGiven()
    {
        string survivor = _test.Raw("low.raw", Size, 5);
        _test.Qed("left.qed", Size, "low.raw", "raw");
        string top = _test.Qed("top.qed", Size, "low.raw", "raw");
        await new MergeJournal
        {
            Survivor = FilePeek.At(survivor).Mark,
            SurvivorFormat = "raw",
            Direction = MergeDirection.Down,
            Neighbour = Of(top),
            TakesTop = false,
            KeepsFiles = false,
            Files = [Of(_test["left.qed"])],
        }.WriteAsync(survivor, Stop);

        // A chain of two is one too many.
        ImageException refused = await Assert.ThrowsAsync<ImageException>(
            async () => await _test.Host.FinishMergeAsync(survivor, options: new DiskOpenOptions { MaxDepth = 1 }, cancellationToken: Stop));
        Assert.Equal(ImageErrorKind.RefusedByPolicy, refused.Kind);
        Assert.Equal([_test["left.qed"]], (await _test.Host.FinishMergeAsync(survivor, cancellationToken: Stop))!.RemovedPaths);
        Assert.Null(await _test.Host.FinishMergeAsync(_test.Folder, cancellationToken: Stop));
    }

    [Fact]
    public async Task AfterTheHostsEnd_NothingIsFinished()
    {
        var host = new DiskHost(new DiskHostOptions { LoadDefaultPlugins = false }.AddBackend<QedBackend>());
        host.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await host.FinishMergeAsync(_test["nothing.qed"], cancellationToken: Stop));
    }

    [Theory]
    [InlineData("nowhere/top.qed")]
    [InlineData("top.qed")]
    public async Task AMergeOfWhatIsNotThere_NamesIt(string name)
    {
        ImageException missing = await Assert.ThrowsAsync<ImageException>(async () => await _test.Host.MergeAsync(_test[name], cancellationToken: Stop));
        Assert.Equal((ImageErrorKind.NotFound, _test[name]), (missing.Kind, missing.Path));
    }

    /// <summary>The room is counted from maps, with a thousandth more for tables.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ADiskLargerThanItsVolume_IsNotFilled_UnlessThatIsNotLookedAt(bool isSkipped)
    {
        const long Bytes = 1L << 60;
        using FileStorage file = FileStorage.Open(_test.Raw("top", 10, 1));
        Level top = new() { Image = new HugeImage("top", Bytes, ExtentKind.Free), Path = _test["top"], FormatId = "huge", Storage = file };
        Level low = new() { Image = new HugeImage("low", Bytes, ExtentKind.Data), Path = _test["low"], FormatId = "huge" };
        var options = new MergeOptions { SkipSpaceCheck = isSkipped };

        Exception? refused = await Record.ExceptionAsync(async () => await PullRoom.RequireAsync([top, low], 0, [], options, "stir", Stop));

        Assert.Equal(isSkipped, refused is null);
        Assert.StartsWith(
            isSkipped ? "" : FormattableString.Invariant($"{_test["top"]}: to stir may take {Bytes + (Bytes / 1000)} bytes more, and the volume has "), refused?.Message ?? "", StringComparison.Ordinal);

        // A level that is no file has a volume of its own; and what is beneath afterwards too is not taken in.
        await PullRoom.RequireAsync([low, low], 0, [], options, "stir", Stop);
        await PullRoom.RequireAsync([top, low], 0, [low], options, "stir", Stop);
    }

    private JournalFile Of(string path) => TestHost.JournalFileAt(path);

    private async Task AssertRefusedAsync(Func<Task> operation, ImageErrorKind kind, string name, string named, string message)
    {
        string[] before = _test.Files;
        ImageException refused = await Assert.ThrowsAsync<ImageException>(operation);
        Assert.Equal(message, refused.Message);
        Assert.Equal((kind, _test[name], named), (refused.Kind, refused.Path, refused.Operation));
        Assert.Equal(before, _test.Files);
    }
}
