using Microsoft.Extensions.Logging.Abstractions;
using QedVd.Host.Tests.Operations;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>What a merge must not delete, and where the disk goes on when deleting goes wrong half way.</summary>
public sealed class ReviewMergeTests : IDisposable
{
    private const int Cluster = 4096;
    private const int Size = 64 * Cluster;

    private readonly TestHost _test = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task MergeFromTheTop_WhoseFolderCannotBeMadeDurable_GoesOnWithAFileThatHasAName()
    {
        string basePath = _test.Qed("base.qed", Size);
        string topPath = _test.Qed("top.qed", Size, "base.qed");
        bool isFailing = false;
        var file = FileStorage.Open(topPath, new FileStorageOptions { FolderSeam = () => ThrowIf(isFailing) });
        Level top = await _test.Host.Opener.OpenAsync<AsyncIo>(file, topPath, "qed", new ImageOpenOptions(), Stop);
        var parent = FileStorage.Open(basePath, new FileStorageOptions { ReadOnly = true });
        Level below = await _test.Host.Opener.OpenAsync<AsyncIo>(parent, basePath, "qed", new ImageOpenOptions { Flags = ImageOpenFlags.ReadOnly }, Stop);
        using var disk = new VirtualDisk(new Generation([top, below]), new DiskOpenOptions(), _test.Host, number: -1, NullLogger.Instance);
        disk.Write(0, [1, 2]);

        isFailing = true;
        try
        {
            await disk.MergeAsync(new MergeOptions { Direction = MergeDirection.Down }, cancellationToken: Stop);
        }
        catch (ImageException)
        {
            // Either way: what is written from now on must be found again.
        }

        disk.Write(0, [42]);
        disk.Flush();
        string path = disk.Path;
        disk.Close();
        using VirtualDisk again = _test.Host.OpenDisk(path, new DiskOpenOptions { ReadOnly = true });
        Assert.Equal([42, 2, 0], PushChain.ReadAll(again)[..3]);
    }

    [Theory]
    [InlineData(MergeDirection.Up)]
    [InlineData(MergeDirection.Down)]
    public async Task Merge_DuringWhichAnOverlayIsMadeOfALevelThatGoes_KeepsThatLevel(MergeDirection direction)
    {
        MakeChain();
        byte[] seen;
        using (VirtualDisk disk = _test.Host.OpenDisk(_test["top.qed"]))
        {
            bool isMade = false;
            var progress = new Now(_ =>
            {
                if (!isMade)
                {
                    isMade = true;
                    _test.Qed("late.qed", Size, "mid.qed");
                }
            });
            seen = PushChain.ReadAll(disk);
            (int from, int to) = direction == MergeDirection.Up ? (0, 1) : (1, 2);
            await disk.MergeAsync(new MergeOptions { FromDepth = from, ToDepth = to, Direction = direction }, progress, Stop);
            Assert.True(isMade);
            PushChain.AssertSame(seen, PushChain.ReadAll(disk), "the disk");
            disk.Close();
        }

        using VirtualDisk late = _test.Host.OpenDisk(_test["late.qed"], new DiskOpenOptions { ReadOnly = true });
        Assert.Equal([0, 2, 3], Firsts(late));
    }

    /// <summary>All is done then, but what was deleted may be there again: that is no success.</summary>
    [Theory]
    [InlineData("merge", "mid.qed", "base.qed")]
    [InlineData("commit", "mid.qed", "base.qed")]
    [InlineData("revert", "top.qed", "mid.qed")]
    public async Task Deletion_WhoseFolderCannotBeMadeDurable_FailsAtTheEnd_AndSaysThatAllIsDone(string operation, string deleted, string survivor)
    {
        MakeChain();
        List<Level> levels = [];
        foreach (string name in (string[])["top.qed", "mid.qed", "base.qed"])
        {
            bool isTop = levels.Count == 0;
            FileStorage file = FileStorage.Open(_test[name], new FileStorageOptions { ReadOnly = !isTop, FolderSeam = () => ThrowIf(!File.Exists(_test[deleted]) && name == deleted) });
            var options = new ImageOpenOptions { Flags = isTop ? ImageOpenFlags.None : ImageOpenFlags.ReadOnly };
            levels.Add(await _test.Host.Opener.OpenAsync<AsyncIo>(file, _test[name], "qed", options, Stop));
        }

        var generation = new Generation([.. levels]);
        SyncIo.Complete(VirtualDisk.TellBeneathAsync<SyncIo>(generation, default));
        using var disk = new VirtualDisk(generation, new DiskOpenOptions(), _test.Host, number: -1, NullLogger.Instance);

        ImageException failed = await Assert.ThrowsAsync<ImageException>(operation switch
        {
            "merge" => async () => await disk.MergeAsync(new MergeOptions { FromDepth = 1, ToDepth = 2, Direction = MergeDirection.Down }, cancellationToken: Stop),
            "commit" => async () => await disk.CommitAsync(new CommitOptions { TargetDepth = 2, DeleteSuperseded = true }, cancellationToken: Stop),
            _ => async () => await disk.RevertAsync(cancellationToken: Stop),
        });

        Assert.Contains($"The {operation} is complete all the same, and '{_test[survivor]}' has it all. It deleted '{_test[deleted]}'", failed.Message, StringComparison.Ordinal);
        Assert.Equal((operation, _test[survivor]), (failed.Operation, failed.Path));
        Assert.Equal(_test.Files.Length, disk.Levels.Count);
        Assert.Equal(operation == "revert" ? [0, 2, 3] : [1, 2, 3], Firsts(disk));
        disk.Write(0, [7]);
    }

    /// <summary>What is left tells it: then nobody uses the file any more.</summary>
    [Fact]
    public async Task ACommit_ThatHadToLeaveAFile_IsTidiedUpByTheNext()
    {
        MakeChain();
        using VirtualDisk disk = _test.Host.OpenDisk(_test["top.qed"]);
        using (FileStorage reader = FileStorage.Open(_test["mid.qed"], new FileStorageOptions { ReadOnly = true }))
        {
            CommitResult first = await disk.CommitAsync(new CommitOptions { TargetDepth = 2, DeleteSuperseded = true }, cancellationToken: Stop);
            Assert.Equal([_test["mid.qed"]], first.SupersededPaths);
            Assert.Empty(first.DeletedPaths);
        }

        CommitResult second = await disk.CommitAsync(new CommitOptions { DeleteSuperseded = true }, cancellationToken: Stop);

        Assert.Equal([_test["mid.qed"]], second.DeletedPaths);
        Assert.Equal(["base.qed", "top.qed"], _test.Files);
        Assert.Equal([1, 2, 3], Firsts(disk));
    }

    /// <summary>Its file goes, and what a disk over it relies on with it.</summary>
    [Fact]
    public async Task DuringAMergeFromTheTop_NoDiskIsOpenedOverIt()
    {
        MakeChain();
        string over = _test.Qed("elsewhere/over.qed", Size);
        using VirtualDisk disk = _test.Host.OpenDisk(_test["top.qed"]);
        List<ImageErrorKind?> answers = [];
        var progress = new Now(_ =>
        {
            Exception? refused = Record.Exception(() => _test.Host.OpenDisk(over, new DiskOpenOptions { ParentDisk = disk, ReadOnly = true }).Dispose());
            answers.Add((refused as ImageException)?.Kind);
        });

        await disk.MergeAsync(new MergeOptions { Direction = MergeDirection.Down }, progress, Stop);

        Assert.NotEmpty(answers);
        Assert.All(answers, answer => Assert.Equal(ImageErrorKind.InUse, answer));
    }

    [Fact]
    public async Task Merge_OverALevelThatSomebodyReads_KeepsItsFile()
    {
        MakeChain();
        string elsewhere = _test.Qed("sub/other.qed", Size, "../mid.qed");
        using VirtualDisk other = _test.Host.OpenDisk(elsewhere, new DiskOpenOptions { AllowedRoots = [_test.Folder], ReadOnly = true });
        using (VirtualDisk disk = _test.Host.OpenDisk(_test["top.qed"]))
        {
            await disk.MergeAsync(new MergeOptions { Direction = MergeDirection.Up }, cancellationToken: Stop);
            Assert.Equal([1, 2, 3], Firsts(disk));
            disk.Close();
        }

        Assert.Equal([0, 2, 3], Firsts(other));
        other.Close();
        Assert.Contains("mid.qed", _test.Files);

        using VirtualDisk again = _test.Host.OpenDisk(elsewhere, new DiskOpenOptions { AllowedRoots = [_test.Folder], ReadOnly = true });
        Assert.Equal([0, 2, 3], Firsts(again));
    }

    [Fact]
    public async Task Commit_OverADiskThatIsWrittenLater_KeepsZerosThatTheGuestWrote()
    {
        using VirtualDisk parent = _test.Host.OpenDisk(_test.Qed("parent.qed", Size));
        using VirtualDisk disk = _test.Host.OpenDisk(_test.Qed("disk.qed", Size), new DiskOpenOptions { ParentDisk = parent });
        await disk.SnapshotAsync(_test["snapshot.qed"], cancellationToken: Stop);
        disk.WriteZeroes(0, Cluster);
        await disk.CommitAsync(cancellationToken: Stop);
        parent.Write(0, [7]);
        Assert.Equal(0, PushChain.ReadAll(disk)[0]);
        disk.Close();
    }

    [Fact]
    public async Task MergeFromTheTop_GivenUpHalfWay_AndASnapshotLater_DoesNotStandInTheWayOfOthers()
    {
        MakeChain();
        using var stop = new CancellationTokenSource();
        using (VirtualDisk disk = _test.Host.OpenDisk(_test["top.qed"]))
        {
            var progress = new Now(_ =>
            {
                if (!File.Exists(_test["mid.qed"]))
                {
                    stop.Cancel();
                    return;
                }

                // So that there is something to be caught up with.
                disk.Write(3 * Cluster, [4]);
            });
            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await disk.MergeAsync(new MergeOptions { ToDepth = 2, Direction = MergeDirection.Down }, progress, stop.Token));
            Assert.Equal(2, disk.Levels.Count);
            Assert.Contains(_test.Files, file => file.StartsWith('.'));

            await disk.SnapshotAsync(_test["new.qed"], cancellationToken: Stop);
            disk.Write(4 * Cluster, [5]);
            MergeResult result = await disk.MergeAsync(new MergeOptions { Direction = MergeDirection.Up }, cancellationToken: Stop);
            Assert.Equal(_test["new.qed"], result.SurvivorPath);
            Assert.Equal([1, 2, 3], Firsts(disk));
            disk.Close();
        }

        Assert.Equal(["base.qed", "new.qed"], _test.Files);
    }

    [Fact]
    public async Task MergeFromTheTop_ThatKeepsItsFile_LeavesNoJournalOnceGuestsWriteToTheSurvivor()
    {
        // Whoever finished that merge would copy the old top over what was written since.
        string basePath = _test.Qed("base.qed", Size);
        string topPath = _test.Qed("top.qed", Size, "base.qed");
        var backend = new HookedBackend();
        var options = new DiskHostOptions { LoadDefaultPlugins = false };
        options.Backends.Add(backend);
        using var host = new DiskHost(options);
        using VirtualDisk disk = host.OpenDisk(topPath);
        List<bool> journals = [];
        backend.Hook = (_, name) =>
        {
            if (name == topPath && disk.Path == basePath)
            {
                journals.Add(File.Exists(MergeJournal.PathOf(basePath)));
            }
        };
        disk.Write(0, [1]);
        await disk.MergeAsync(new MergeOptions { Direction = MergeDirection.Down, KeepFiles = true }, cancellationToken: Stop);
        Assert.NotEmpty(journals);
        Assert.DoesNotContain(true, journals);
        disk.Close();
    }

    /// <summary>An image that cannot be read may be a child of a level that would go.</summary>
    [Theory]
    [InlineData(MergeDirection.Up, 0, "mid.qed", "top.qed")]
    [InlineData(MergeDirection.Down, 1, "mid.qed", "top.qed")]
    [InlineData(MergeDirection.Down, 0, "top.qed", "mid.qed")]
    [InlineData(MergeDirection.Auto, 0, "mid.qed", "top.qed")]
    public async Task Merge_BesideAnImageThatCannotBeRead_DeletesNothing(MergeDirection direction, int from, string kept, string top)
    {
        MakeChain();
        _test.Qed("damaged.qed", Size, "mid.qed");
        using (FileStream file = File.OpenWrite(_test["damaged.qed"]))
        {
            // Clusters that are no power of two.
            file.Position = 4;
            file.WriteByte(3);
        }

        MergeResult result = await _test.Host.MergeAsync(_test["top.qed"], new MergeOptions { FromDepth = from, ToDepth = from + 1, Direction = direction }, cancellationToken: Stop);

        Assert.Empty(result.RemovedPaths);
        Assert.Equal([_test[kept]], result.KeptPaths);
        Assert.Equal(["base.qed", "damaged.qed", "mid.qed", "top.qed"], _test.Files);
        using VirtualDisk again = _test.Host.OpenDisk(_test[top], new DiskOpenOptions { ReadOnly = true });
        Assert.Equal([1, 2, 3], Firsts(again));
        Assert.Equal(2, again.Levels.Count);
    }

    [Fact]
    public async Task MergeFromTheTop_OpenedByALink_IsRefusedBeforeAnythingIsCopied()
    {
        MakeChain();
        File.CreateSymbolicLink(_test["link.qed"], "top.qed");
        using VirtualDisk disk = _test.Host.OpenDisk(_test["link.qed"]);
        ImageException refusal = await Assert.ThrowsAsync<ImageException>(
            async () => await disk.MergeAsync(new MergeOptions { ToDepth = 2, Direction = MergeDirection.Down }, cancellationToken: Stop));
        Assert.Equal(ImageErrorKind.InvalidArgument, refusal.Kind);
        Assert.Equal(3, disk.Levels.Count);
        disk.Close();
    }

    [Fact]
    public async Task Merge_WhoseLinkIsStoredThoughItsBarrierFails_IsFinishedByTheNext()
    {
        for (int nth = 1; ; nth++)
        {
            foreach (string file in _test.Files)
            {
                File.Delete(_test[file]);
            }

            MakeChain();
            var backend = new HookedBackend();
            var options = new DiskHostOptions { LoadDefaultPlugins = false };
            options.Backends.Add(backend);
            using var host = new DiskHost(options);
            int left = nth;
            var between = new MergeOptions { FromDepth = 1, ToDepth = 2, Direction = MergeDirection.Down };
            using (VirtualDisk disk = host.OpenDisk(_test["top.qed"]))
            {
                backend.Hook = (what, name) => ThrowIf(what == "barrier" && name == _test["top.qed"] && File.Exists(MergeJournal.PathOf(_test["base.qed"])) && --left == 0);
                try
                {
                    await disk.MergeAsync(between, cancellationToken: Stop);
                }
                catch (ImageException)
                {
                    Assert.Equal(0, left);
                }

                backend.Hook = null;
                disk.Dispose();
            }

            if (left > 0)
            {
                Assert.True(nth > 2);
                return;
            }

            await _test.Host.MergeAsync(_test["top.qed"], between, cancellationToken: Stop);
            Assert.Equal(["base.qed", "top.qed"], _test.Files);
            using VirtualDisk again = _test.Host.OpenDisk(_test["top.qed"], new DiskOpenOptions { ReadOnly = true });
            Assert.Equal([1, 2, 3], Firsts(again));
        }
    }

    public void Dispose() => _test.Dispose();

    private static byte[] Firsts(VirtualDisk disk)
    {
        byte[] bytes = PushChain.ReadAll(disk);
        return [bytes[0], bytes[Cluster], bytes[2 * Cluster]];
    }

    private static void ThrowIf(bool condition)
    {
        if (condition)
        {
            throw new ImageException(ImageErrorKind.Io, "the folder cannot be made durable");
        }
    }

    private void MakeChain()
    {
        _test.Qed("base.qed", Size);
        _test.Qed("mid.qed", Size, "base.qed");
        _test.Qed("top.qed", Size, "mid.qed");
        foreach ((string name, int block, byte value) in new[] { ("base.qed", 2, (byte)3), ("mid.qed", 1, (byte)2), ("top.qed", 0, (byte)1) })
        {
            using VirtualDisk disk = _test.Host.OpenDisk(_test[name]);
            disk.Write(block * Cluster, [value]);
            disk.Close();
        }
    }
}
