using QedVd.Backends.Qed;
using QedVd.Backends.Raw;
using QedVd.Host.Tests.Operations;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>What a merge concerns and what it does not: other images, links, the disk's own options, and its name in the host.</summary>
public sealed class MergeEdgeTests : IDisposable
{
    private const int Size = 16 * 4096;

    private readonly TestHost _test = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => _test.Dispose();

    /// <summary>Downwards all levels are concerned, upwards those alone whose files go. The other image names the level as its parent.</summary>
    [Theory]
    [InlineData(MergeDirection.Down, false, 0, false)]
    [InlineData(MergeDirection.Down, false, 1, true)]
    [InlineData(MergeDirection.Down, true, 1, true)]
    [InlineData(MergeDirection.Down, true, 2, true)]
    [InlineData(MergeDirection.Down, false, 3, true)]
    [InlineData(MergeDirection.Down, false, 4, false)]
    [InlineData(MergeDirection.Up, false, 0, false)]
    [InlineData(MergeDirection.Up, false, 1, false)]
    [InlineData(MergeDirection.Up, false, 2, true)]
    [InlineData(MergeDirection.Up, false, 3, true)]
    [InlineData(MergeDirection.Up, true, 3, false)]
    [InlineData(MergeDirection.Up, false, 4, false)]
    public async Task AnotherImageOverALevel_IsAReasonToRefuse_WhereItWouldReadSomethingElse(MergeDirection direction, bool keeps, int parent, bool isRefused)
    {
        using var chain = new FiveLevels();
        string other = Path.Combine(chain.Folder, "other.qed");
        var create = new CreateDiskOptions { VirtualSizeBytes = chain.LengthOf(parent), ParentName = FiveLevels.NameOf(parent), ParentFormat = "qed" };
        await chain.Host.CreateImageAsync(other, "qed", create, cancellationToken: Stop);

        Exception? refused = await Record.ExceptionAsync(async () => await chain.Host.MergeAsync(
            chain.PathOf(0), new MergeOptions { FromDepth = 1, ToDepth = 3, Direction = direction, KeepFiles = keeps }, cancellationToken: Stop));

        Assert.Equal(isRefused ? ImageErrorKind.InUse : null, (refused as ImageException)?.Kind);
        Assert.Equal(isRefused, refused is not null);
        using VirtualDisk disk = chain.Host.OpenDisk(other, new DiskOpenOptions { ReadOnly = true });
        Assert.Equal(chain.View(parent), PushChain.ReadAll(disk));
        Assert.Equal(chain.View(0), chain.Read(0));
    }

    /// <summary>Only where the top's own file would have to go, its name must be its own.</summary>
    [Theory]
    [InlineData(MergeDirection.Up, 0, 1)]
    [InlineData(MergeDirection.Up, 1, 2)]
    [InlineData(MergeDirection.Down, 1, 2)]
    public async Task ATopThatIsALink_IsInTheWayOfNothingElse(MergeDirection direction, int from, int to)
    {
        using var chain = new FiveLevels();
        string link = Path.Combine(chain.Folder, "link.qed");
        File.CreateSymbolicLink(link, FiveLevels.NameOf(0));

        MergeResult result = await chain.Host.MergeAsync(link, new MergeOptions { FromDepth = from, ToDepth = to, Direction = direction }, cancellationToken: Stop);

        Assert.Equal(chain.PathsOf(direction == MergeDirection.Up ? to : from), result.RemovedPaths);
        Assert.Equal(chain.View(0), chain.Read(0));
        Assert.Equal(FiveLevels.Count, chain.Files.Length);
    }

    /// <summary>The top's name is gone, and the file of a level between could not be deleted: the next run sees from the journal that the survivor has all.</summary>
    [Fact]
    public async Task AMergeOfTheTop_ThatHadToLeaveAFile_IsTidiedUpFromTheSurvivor()
    {
        using var chain = new FiveLevels();
        using (FileStorage reader = FileStorage.Open(chain.PathOf(1), new FileStorageOptions { ReadOnly = true }))
        {
            MergeResult first = await chain.Host.MergeAsync(chain.PathOf(0), Down(2), cancellationToken: Stop);
            Assert.Equal(chain.PathsOf(0), first.RemovedPaths);
            Assert.Equal(chain.PathsOf(1), first.KeptPaths);
        }

        MergeResult second = await chain.Host.MergeAsync(chain.PathOf(2), cancellationToken: Stop);

        Assert.Equal(chain.PathsOf(0, 1), second.RemovedPaths);
        Assert.Equal(chain.View(0), chain.Read(2));
    }

    /// <summary>The power went between the word and the deletion.</summary>
    [Fact]
    public async Task ATopThatWasCopied_AndIsStillThere_IsCopiedOnceMore()
    {
        using var chain = new FiveLevels();
        await (chain.Journal(0, 1, MergeDirection.Down, keeps: false) with { IsTopCopied = true }).WriteAsync(chain.PathOf(1), Stop);

        MergeResult result = await chain.Host.MergeAsync(chain.PathOf(0), cancellationToken: Stop);

        Assert.Equal(chain.PathsOf(0), result.RemovedPaths);
        Assert.Equal(chain.View(0), chain.Read(1));
        Assert.Equal(FiveLevels.Count - 1, chain.Files.Length);
    }

    /// <summary>Somebody has put another file there meanwhile: the top stays.</summary>
    [Fact]
    public async Task AJournalThatWasReplacedMeanwhile_IsNotWrittenInto()
    {
        using var chain = new FiveLevels();
        string journal = MergeJournal.PathOf(chain.PathOf(1));
        await chain.Journal(0, 1, MergeDirection.Down, keeps: false).WriteAsync(chain.PathOf(1), Stop);
        var replace = new Now(_ => File.WriteAllText(journal, "something else"));

        ImageException failed = await Assert.ThrowsAsync<ImageException>(async () => await chain.Host.MergeAsync(chain.PathOf(0), progress: replace, cancellationToken: Stop));

        Assert.Equal(ImageErrorKind.Corrupt, failed.Kind);
        Assert.Equal("something else", await File.ReadAllTextAsync(journal, Stop));
        File.Delete(journal);
        Assert.Equal(chain.View(0), chain.Read(0));
    }

    /// <summary>Guests write on into it, so that it is no copied one any more.</summary>
    [Fact]
    public async Task ATopWhoseNameCannotGo_IsNotCalledCopied()
    {
        using var chain = new FiveLevels();
        string kept = Path.Combine(chain.Folder, "kept.qed");
        var swap = new Now(_ =>
        {
            if (!File.Exists(kept))
            {
                File.Move(chain.PathOf(0), kept);
                File.CreateSymbolicLink(chain.PathOf(0), kept);
            }
        });

        ImageException failed = await Assert.ThrowsAsync<ImageException>(async () => await chain.Host.MergeAsync(chain.PathOf(0), Down(2), progress: swap, cancellationToken: Stop));

        Assert.Contains("could not be deleted, and would hide", failed.Message, StringComparison.Ordinal);
        Assert.Contains("how down source -", await File.ReadAllTextAsync(MergeJournal.PathOf(chain.PathOf(2)), Stop), StringComparison.Ordinal);
    }

    /// <summary>It opens still, over the survivor, whatever becomes of those that were between.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public async Task ATopThatWasMergedAway_AndStays_LiesOverTheSurvivor(int to)
    {
        using var chain = new FiveLevels();
        await chain.Host.MergeAsync(chain.PathOf(0), new MergeOptions { ToDepth = to, Direction = MergeDirection.Down, KeepFiles = true }, cancellationToken: Stop);
        Assert.Equal(Enumerable.Range(to, FiveLevels.Count - to).Prepend(0).Select(FiveLevels.NameOf), await chain.NamesFromAsync(0));
        Assert.Equal(chain.View(0), chain.Read(0));
    }

    /// <summary>Raw is never guessed for a disk that is written.</summary>
    [Theory]
    [InlineData("qed")]
    [InlineData(null)]
    public async Task ADiskThatGoesOnWithARawImage_BecomesWritableAgain_WhereFormatsAreGiven(string? format)
    {
        _test.Raw("low.raw", Size, 5);
        using VirtualDisk disk = _test.Host.OpenDisk(_test.Qed("top.qed", Size, "low.raw", "raw"), new DiskOpenOptions { Format = format });
        Assert.Equal(_test["low.raw"], (await disk.MergeAsync(new MergeOptions { Direction = MergeDirection.Down }, cancellationToken: Stop)).SurvivorPath);
        await disk.SetReadOnlyAsync(true, Stop);

        Exception? refused = await Record.ExceptionAsync(async () => await disk.SetReadOnlyAsync(false, Stop));

        Assert.Equal(format is null, refused is ImageException);
        Assert.Equal(format is null, disk.IsReadOnly);
    }

    [Fact]
    public async Task AfterTheTopWasMergedAway_OthersMayLieOverTheDiskAgain_AndTheHostKnowsItByItsNewName()
    {
        var log = new LogLines();
        var host = new DiskHost(new DiskHostOptions { LoadDefaultPlugins = false }.AddBackend<QedBackend>(), log);
        _test.Qed("low.qed", Size);
        using VirtualDisk disk = host.OpenDisk(_test.Qed("top.qed", Size, "low.qed"));
        await disk.MergeAsync(new MergeOptions { Direction = MergeDirection.Down }, cancellationToken: Stop);
        using (VirtualDisk child = host.OpenDisk(_test.Qed("child.qed", Size), new DiskOpenOptions { ParentDisk = disk, ReadOnly = true }))
        {
            Assert.Equal(2, child.Levels.Count);
        }

        host.Dispose();

        Assert.Equal([$"{_test["low.qed"]}: the disk was not closed before its host"], log.Lines);
    }

    /// <summary>Why files stay that were to go is said once for each image that may need one, and once for the merge.</summary>
    [Fact]
    public async Task BesideAnImageThatMayNeedALevel_TheLogSaysWhyFilesStay()
    {
        var log = new LogLines();
        using var host = new DiskHost(new DiskHostOptions { LoadDefaultPlugins = false }.AddBackend<QedBackend>().AddBackend<RawBackend>(), log);
        _test.Qed("base.qed", Size);
        _test.Qed("low.qed", Size, "base.qed");
        _test.Qed("top.qed", Size, "low.qed");
        _test.Qed("uncertain.qed", Size, "nbd:host:1");
        using VirtualDisk disk = host.OpenDisk(_test["top.qed"]);

        MergeResult result = await disk.MergeAsync(new MergeOptions { FromDepth = 1, ToDepth = 2, Direction = MergeDirection.Down }, cancellationToken: Stop);

        Assert.Equal([_test["low.qed"]], result.KeptPaths);
        Assert.Equal(2, log.Lines.Count);
        Assert.StartsWith($"{_test["uncertain.qed"]}: whether this is another child of a level cannot be told: ", log.Lines[0], StringComparison.Ordinal);
        Assert.Equal($"{_test["top.qed"]}: the files of the merged levels stay, because of some images it cannot be told whether they need one of them", log.Lines[1]);
        Assert.Equal(["base.qed", "low.qed", "top.qed", "uncertain.qed"], _test.Files);
    }

    /// <summary>Until the links begin to change there is nothing to finish; merged into the next level there are none.</summary>
    [Theory]
    [InlineData(1, false)]
    [InlineData(2, true)]
    public async Task AFailureBehindTheCopy_LeavesAJournalOnlyWhereALinkMayHaveChanged(int to, bool isLeft)
    {
        var backend = new HookedBackend();
        using DiskHost host = HostOf(backend);
        string[] names = MakeThree();
        string journal = MergeJournal.PathOf(_test[names[2 - to]]);
        using VirtualDisk disk = host.OpenDisk(_test["top.qed"]);
        disk.Write(4096, [9]);
        byte[] expected = PushChain.ReadAll(disk);

        // With links to change, the first barrier is the one of the name in the top.
        backend.Hook = (what, name) =>
        {
            if (what == "barrier" && File.Exists(journal) && name == _test[isLeft ? "top.qed" : names[2 - to]])
            {
                throw new ImageException(ImageErrorKind.Io, "barrier: injected");
            }
        };
        ImageException failed = await Assert.ThrowsAsync<ImageException>(async () => await disk.MergeAsync(new MergeOptions { ToDepth = to, Direction = MergeDirection.Down }, cancellationToken: Stop));
        backend.Hook = null;

        Assert.Equal(ImageErrorKind.Io, failed.Kind);
        Assert.Equal(isLeft, File.Exists(journal));
        Assert.All(names, name => Assert.True(File.Exists(_test[name])));
        Assert.Equal(expected, PushChain.ReadAll(disk));
    }

    /// <summary>The top was not merged, and what lay between is gone: the next call finishes it.</summary>
    [Fact]
    public async Task AFailureBehindTheLevelsBetween_LeavesAJournal_AndTheNextMergeFinishesIt()
    {
        var backend = new HookedBackend();
        using DiskHost host = HostOf(backend);
        MakeThree();
        byte[] expected;
        using (VirtualDisk disk = host.OpenDisk(_test["top.qed"]))
        {
            disk.Write(4096, [9]);
            expected = PushChain.ReadAll(disk);
            backend.Hook = (what, name) =>
            {
                if (what == "barrier" && name == _test["base.qed"] && !File.Exists(_test["low.qed"]))
                {
                    throw new ImageException(ImageErrorKind.Io, "barrier: injected");
                }
            };
            bool isWritten = false;
            var progress = new ProgressList(() =>
            {
                if (!isWritten)
                {
                    isWritten = true;
                    disk.Write(8192, [8]);
                }
            });

            ImageException failed = await Assert.ThrowsAsync<ImageException>(async () => await disk.MergeAsync(new MergeOptions { ToDepth = 2, Direction = MergeDirection.Down }, progress, Stop));
            backend.Hook = null;

            expected[8192] = 8;
            Assert.Equal(ImageErrorKind.Io, failed.Kind);
            Assert.True(File.Exists(MergeJournal.PathOf(_test["base.qed"])));
            Assert.Equal(expected, PushChain.ReadAll(disk));
            disk.Close();
        }

        MergeResult result = await _test.Host.MergeAsync(_test["top.qed"], cancellationToken: Stop);

        Assert.Equal(_test["base.qed"], result.SurvivorPath);
        Assert.Equal(["base.qed"], _test.Files);
        using VirtualDisk again = _test.Host.OpenDisk(_test["base.qed"], new DiskOpenOptions { ReadOnly = true });
        Assert.Equal(expected, PushChain.ReadAll(again));
    }

    /// <summary>Whether it needs one of those that go cannot be told: they stay until it can.</summary>
    [Fact]
    public async Task AnUncertainImage_ThatComesDuringAMerge_KeepsFiles_UntilItIsGone()
    {
        var log = new LogLines();
        using var host = new DiskHost(new DiskHostOptions { LoadDefaultPlugins = false }.AddBackend<QedBackend>(), log);
        MakeThree();
        var progress = new ProgressList(() => _test.Qed(File.Exists(_test["late.qed"]) ? "other/late.qed" : "late.qed", Size, "nbd:host:1"));
        using (VirtualDisk low = host.OpenDisk(_test["low.qed"]))
        {
            low.Write(0, [1]);
            low.Close();
        }

        using VirtualDisk disk = host.OpenDisk(_test["top.qed"]);
        MergeResult result = await disk.MergeAsync(new MergeOptions { FromDepth = 1, ToDepth = 2, Direction = MergeDirection.Down }, progress, Stop);

        Assert.Equal([_test["low.qed"]], result.KeptPaths);
        Assert.Contains($"{_test["top.qed"]}: the files of the levels that are left out stay, because of some images it cannot be told whether they need one of them", log.Lines);
        Assert.True(File.Exists(MergeJournal.PathOf(_test["base.qed"])));

        File.Delete(_test["late.qed"]);
        Assert.Equal([_test["low.qed"]], (await disk.MergeAsync(cancellationToken: Stop)).RemovedPaths);
        Assert.False(File.Exists(MergeJournal.PathOf(_test["base.qed"])));
    }

    [Fact]
    public async Task TheParentsName_ChangesOnlyWhenTheSurvivorIsDurable()
    {
        var backend = new HookedBackend();
        using DiskHost host = HostOf(backend);
        MakeThree();
        using (VirtualDisk low = host.OpenDisk(_test["low.qed"]))
        {
            low.Write(0, new byte[Size]);
            low.Write(4096, [1]);
            low.Close();
        }

        using VirtualDisk disk = host.OpenDisk(_test["top.qed"]);
        List<(string What, string Name)> seen = [];
        backend.Hook = (what, name) =>
        {
            lock (seen)
            {
                seen.Add((what, Path.GetFileName(name)));
            }
        };
        await disk.MergeAsync(new MergeOptions { FromDepth = 1, ToDepth = 2, Direction = MergeDirection.Down }, cancellationToken: Stop);
        backend.Hook = null;

        int named = seen.IndexOf(("write", "top.qed"));
        Assert.True(named > 0);
        Assert.Contains(("write", "base.qed"), seen[..named]);
        Assert.Equal(("barrier", "base.qed"), seen[..named].FindLast(each => each.Name == "base.qed"));
        Assert.DoesNotContain(("write", "base.qed"), seen[named..]);
    }

    private static DiskHost HostOf(IImageBackend backend)
    {
        var options = new DiskHostOptions { LoadDefaultPlugins = false };
        options.Backends.Add(backend);
        return new DiskHost(options);
    }

    private string[] MakeThree()
    {
        string[] names = ["base.qed", "low.qed", "top.qed"];
        foreach ((int i, string name) in names.Index())
        {
            _test.Qed(name, Size, i == 0 ? null : names[i - 1]);
        }

        return names;
    }

    private static MergeOptions Down(int to) => new() { ToDepth = to, Direction = MergeDirection.Down };
}
