using QedVd.Host.Tests.Storage;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>What somebody else does to the files meanwhile, and failures in the middle of things, cost an operation, and nothing that is not its own.</summary>
public sealed class MishapTests : IDisposable
{
    private const int Cluster = 4096;
    private const int Size = 64 * Cluster;
    private const string Mine = "somebody else's";

    private readonly TempFolder _folder = new();
    private readonly LogLines _log = new();
    private readonly HookedBackend _backend = new();
    private readonly DiskHost _host;

    public MishapTests()
    {
        var options = new DiskHostOptions { LoadDefaultPlugins = false };
        options.Backends.Add(_backend);
        _host = new DiskHost(options, _log);
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task MergeFromTheTop_WhoseNameLeadsToAnotherFileByThen_LeavesThat_AndGoesOnWithTheTop()
    {
        await MakeChainAsync(Size);
        byte[] expected;
        using (VirtualDisk disk = _host.OpenDisk(_folder["top"]))
        {
            expected = PushChain.ReadAll(disk);
            SwapDuringFirstWriteTo("mid", "top");

            ImageException failed = await Assert.ThrowsAsync<ImageException>(
                async () => await disk.MergeAsync(new MergeOptions { Direction = MergeDirection.Down }, cancellationToken: Stop));

            Assert.Equal(ImageErrorKind.Io, failed.Kind);
            Assert.Contains("The disk goes on with it", failed.Message, StringComparison.Ordinal);
            Assert.Equal(3, disk.Levels.Count);
            disk.Write(Cluster, [77]);
            expected[Cluster] = 77;
            Assert.Equal(expected, PushChain.ReadAll(disk));
            disk.Close();
        }

        Assert.Equal(Mine, await File.ReadAllTextAsync(_folder["top"], Stop));
        using VirtualDisk again = _host.OpenDisk(_folder["moved"], new DiskOpenOptions { ReadOnly = true });
        Assert.Equal(expected, PushChain.ReadAll(again));
    }

    [Fact]
    public async Task Merge_OfALevelWhoseNameLeadsToAnotherFileByThen_LeavesThat_AndSoDoesTheNextOne()
    {
        await MakeChainAsync(Size);
        byte[] expected;
        using (VirtualDisk disk = _host.OpenDisk(_folder["top"]))
        {
            expected = PushChain.ReadAll(disk);
            SwapDuringFirstWriteTo("base", "mid");
            MergeResult result = await disk.MergeAsync(new MergeOptions { FromDepth = 1, ToDepth = 2, Direction = MergeDirection.Down }, cancellationToken: Stop);

            Assert.Empty(result.RemovedPaths);
            Assert.Equal([_folder["mid"]], result.KeptPaths);
            Assert.Contains(_log.Lines, line => line.StartsWith($"{_folder["mid"]}: this name is a link, or leads to another file", StringComparison.Ordinal));
            Assert.Equal(expected, PushChain.ReadAll(disk));
            disk.Close();
        }

        Assert.NotNull(await _host.FinishMergeAsync(_folder["base"], cancellationToken: Stop));
        Assert.Equal(Mine, await File.ReadAllTextAsync(_folder["mid"], Stop));
        using VirtualDisk again = _host.OpenDisk(_folder["top"], new DiskOpenOptions { ReadOnly = true });
        Assert.Equal(expected, PushChain.ReadAll(again));
    }

    [Fact]
    public async Task Merge_ThatEndsBeforeItsLinks_AndCannotTakeItsJournalBack_FailsWithWhatStoppedIt()
    {
        await MakeChainAsync(Size);
        string journal = MergeJournal.PathOf(_folder["base"]);
        using VirtualDisk disk = _host.OpenDisk(_folder["top"]);
        byte[] expected = PushChain.ReadAll(disk);
        _backend.Hook = (_, file) =>
        {
            if (file == _folder["top"] && File.Exists(journal))
            {
                File.Delete(journal);
                Directory.CreateDirectory(journal);
                throw new ImageException(ImageErrorKind.NotSupported, "stopped by the test");
            }
        };

        ImageException failed = await Assert.ThrowsAsync<ImageException>(
            async () => await disk.MergeAsync(new MergeOptions { FromDepth = 1, ToDepth = 2, Direction = MergeDirection.Down }, cancellationToken: Stop));
        _backend.Hook = null;

        Assert.Contains("stopped by the test", failed.Message, StringComparison.Ordinal);
        Assert.Contains(_log.Lines, line => line.Contains("the journal of a merge that did not take place stays beside it", StringComparison.Ordinal));
        Assert.Equal(3, disk.Levels.Count);
        Assert.Equal(expected, PushChain.ReadAll(disk));

        // With that out of the way it is done.
        Directory.Delete(journal);
        await disk.MergeAsync(new MergeOptions { FromDepth = 1, ToDepth = 2, Direction = MergeDirection.Down }, cancellationToken: Stop);
        Assert.Equal(expected, PushChain.ReadAll(disk));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(6)]
    public async Task Commit_WhoseTargetFailsInTheMiddle_EndsBothWorkers_AndIsDoneTheNextTime(int nth)
    {
        // Several pieces, so that two workers are at it.
        await MakeChainAsync(8 << 20);
        using VirtualDisk disk = _host.OpenDisk(_folder["top"]);
        var random = new Random(nth);
        byte[] expected = new byte[disk.LengthBytes];
        random.NextBytes(expected);
        disk.Write(0, expected);
        int count = 0;
        _backend.Hook = (kind, file) =>
        {
            if (kind == "write" && file == _folder["mid"] && Interlocked.Increment(ref count) == nth)
            {
                throw new ImageException(ImageErrorKind.Io, "write: injected");
            }
        };

        ImageException failed = await Assert.ThrowsAsync<ImageException>(async () => await disk.CommitAsync(cancellationToken: Stop));

        int writes = Volatile.Read(ref count);

        // The other worker has ended too: nobody writes to the target any more.
        Assert.Equal(ImageErrorKind.Io, failed.Kind);
        Assert.Equal(expected, PushChain.ReadAll(disk));
        Assert.Equal(writes, Volatile.Read(ref count));
        Assert.Equal(expected.Length, (await disk.CommitAsync(cancellationToken: Stop)).CopiedBytes);
        Assert.Equal(expected, PushChain.ReadAll(disk));
    }

    /// <summary>A merge goes no step on after a copy that failed: no name changes, and no level leaves the chain.</summary>
    [Theory]
    [InlineData(0, 1)]
    [InlineData(0, 2)]
    [InlineData(1, 2)]
    public async Task Merge_WhoseTargetFailsInTheMiddle_ChangesNoLevel_AndIsDoneTheNextTime(int from, int to)
    {
        await MakeChainAsync(Size);
        string[] files = [.. Directory.GetFiles(_folder.FullName).Order()];
        string target = _folder[to == 1 ? "mid" : "base"];
        using VirtualDisk disk = _host.OpenDisk(_folder["top"]);
        byte[] expected = PushChain.ReadAll(disk);
        var options = new MergeOptions { FromDepth = from, ToDepth = to, Direction = MergeDirection.Down };
        _backend.Hook = (kind, file) =>
        {
            if (kind == "write" && file == target)
            {
                throw new ImageException(ImageErrorKind.Io, "write: injected");
            }
        };

        ImageException failed = await Assert.ThrowsAsync<ImageException>(async () => await disk.MergeAsync(options, cancellationToken: Stop));
        _backend.Hook = null;

        Assert.Contains("write: injected", failed.Message, StringComparison.Ordinal);
        Assert.Equal(files, Directory.GetFiles(_folder.FullName).Order());
        Assert.Equal(3, disk.Levels.Count);
        Assert.Equal(expected, PushChain.ReadAll(disk));
        Assert.Equal(target, (await disk.MergeAsync(options, cancellationToken: Stop)).SurvivorPath);
        Assert.Equal(expected, PushChain.ReadAll(disk));
    }

    /// <summary>Those that have left the chain by then wait for who finishes it, and stay for good where they are to be kept.</summary>
    [Theory]
    [InlineData(1, false)]
    [InlineData(1, true)]
    [InlineData(0, true)]
    public async Task AMergeThatFailsBehindItsLinks_DeletesNothing(int from, bool keeps)
    {
        await MakeChainAsync(Size);
        VirtualDisk? disk = null;
        byte[] expected;
        _backend.Hook = (kind, file) =>
        {
            // The level has left the chain, and the survivor is made durable for the last time.
            if (kind == "barrier" && file == _folder["base"] && disk?.Levels.Count == 2)
            {
                throw new ImageException(ImageErrorKind.Io, "barrier: injected");
            }
        };
        using (disk = _host.OpenDisk(_folder["top"]))
        {
            expected = PushChain.ReadAll(disk);
            var options = new MergeOptions { FromDepth = from, ToDepth = 2, Direction = MergeDirection.Down, KeepFiles = keeps };
            ImageException failed = await Assert.ThrowsAsync<ImageException>(async () => await disk.MergeAsync(options, cancellationToken: Stop));
            _backend.Hook = null;

            Assert.Contains("barrier: injected", failed.Message, StringComparison.Ordinal);
            Assert.Equal(2, disk.Levels.Count);
            Assert.True(File.Exists(_folder["mid"]));
            Assert.Equal(expected, PushChain.ReadAll(disk));
            disk.Dispose();
        }

        MergeResult? finished = await _host.FinishMergeAsync(_folder["base"], cancellationToken: Stop);
        Assert.Equal(keeps, File.Exists(_folder["mid"]));
        Assert.Equal(keeps, finished!.KeptPaths.Contains(_folder["mid"]));
        using VirtualDisk again = _host.OpenDisk(_folder[from == 0 ? "base" : "top"], new DiskOpenOptions { ReadOnly = true });
        Assert.Equal(expected, PushChain.ReadAll(again));
    }

    /// <summary>Its journal says what it was: a merge would not be gone on with by a commit.</summary>
    [Fact]
    public async Task ACommitPastLevels_ThatStopsAtItsLink_IsDoneTheNextTime()
    {
        await MakeChainAsync(Size);
        string journal = MergeJournal.PathOf(_folder["base"]);
        byte[] expected;
        using (VirtualDisk disk = _host.OpenDisk(_folder["top"]))
        {
            expected = PushChain.ReadAll(disk);
            _backend.Hook = (_, file) =>
            {
                if (file == _folder["top"] && File.Exists(journal))
                {
                    throw new ImageException(ImageErrorKind.Io, "stopped by the test");
                }
            };
            await Assert.ThrowsAsync<ImageException>(async () => await disk.CommitAsync(new CommitOptions { TargetDepth = 2 }, cancellationToken: Stop));
            _backend.Hook = null;
            Assert.Equal(expected, PushChain.ReadAll(disk));
            disk.Dispose();
        }

        Assert.True(File.Exists(journal));
        CommitResult result = await _host.CommitAsync(_folder["top"], new CommitOptions { TargetDepth = 2, DeleteSuperseded = true }, cancellationToken: Stop);

        Assert.Equal((_folder["base"], _folder["mid"]), (result.TargetPath, Assert.Single(result.DeletedPaths)));
        Assert.False(File.Exists(journal));
        using VirtualDisk again = _host.OpenDisk(_folder["top"], new DiskOpenOptions { ReadOnly = true });
        Assert.Equal(2, again.Levels.Count);
        Assert.Equal(expected, PushChain.ReadAll(again));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Snapshot_WhoseOverlayCannotBeOpened_RemovesIt_UnlessSomethingElseHasItsName(bool isReplaced)
    {
        await MakeChainAsync(Size);
        using VirtualDisk disk = _host.OpenDisk(_folder["top"]);
        byte[] expected = PushChain.ReadAll(disk);
        _backend.BeforeOpen = file =>
        {
            if (isReplaced)
            {
                File.Delete(file);
                Directory.CreateDirectory(file);
            }

            throw new ImageException(ImageErrorKind.Io, "open: injected");
        };

        ImageException failed = await Assert.ThrowsAsync<ImageException>(async () => await disk.SnapshotAsync(_folder["over"], cancellationToken: Stop));
        _backend.BeforeOpen = null;

        Assert.Contains("open: injected", failed.Message, StringComparison.Ordinal);
        Assert.Equal((false, isReplaced), (File.Exists(_folder["over"]), Directory.Exists(_folder["over"])));
        Assert.Equal(isReplaced, _log.Lines.Any(line => line.Contains("this unused overlay could not be removed", StringComparison.Ordinal)));
        Assert.Equal(3, disk.Levels.Count);
        Assert.Equal(expected, PushChain.ReadAll(disk));
        disk.Write(0, [1]);
    }

    [Fact]
    public async Task Rename_WhoseImageCannotBeMadeDurable_SaysThatItIsRenamed_AndKeepsANameOfItsParentThatIsRight()
    {
        await MakeChainAsync(Size);
        Directory.CreateDirectory(_folder["sub"]);
        string moved = Path.Combine(_folder["sub"], "top");
        using (VirtualDisk disk = _host.OpenDisk(_folder["top"]))
        {
            _backend.Hook = (kind, _) =>
            {
                if (kind == "barrier" && File.Exists(moved))
                {
                    throw new ImageException(ImageErrorKind.Io, "barrier: injected");
                }
            };

            ImageException failed = await Assert.ThrowsAsync<ImageException>(async () => await disk.RenameAsync(moved, cancellationToken: Stop));
            Assert.Contains("renamed, but what the image holds could not be made durable", failed.Message, StringComparison.Ordinal);
            Assert.Equal(moved, disk.Path);
        }

        _backend.Hook = null;
        using VirtualDisk again = _host.OpenDisk(moved, new DiskOpenOptions { ReadOnly = true, AllowedRoots = [_folder.FullName] });
        Assert.Equal(3, again.Levels.Count);
        Assert.Equal(1, PushChain.ReadAll(again)[0]);
    }

    [Fact]
    public async Task ParentsName_ThatCannotBeStored_NorTheOldStateSettled_FailsWithTheCause_AndTheDiskGoesOnWithTheOldName()
    {
        await MakeChainAsync(Size);
        byte[] expected;
        using (VirtualDisk disk = _host.OpenDisk(_folder["top"]))
        {
            disk.Write(Cluster, [9]);
            expected = PushChain.ReadAll(disk);
            _backend.Hook = (kind, _) =>
            {
                if (kind == "barrier")
                {
                    throw new ImageException(ImageErrorKind.Io, "barrier: injected");
                }
            };

            ImageException failed = await Assert.ThrowsAsync<ImageException>(async () => await disk.SetParentNameAsync(_folder["base"], new SetParentOptions { Format = "qed" }, Stop));
            _backend.Hook = null;

            Assert.Contains("barrier: injected", failed.Message, StringComparison.Ordinal);
            Assert.Equal("mid", disk.Levels[0].ParentName);
            Assert.Equal(expected, PushChain.ReadAll(disk));
            disk.Write(0, [42]);
            expected[0] = 42;
            disk.Close();
        }

        using VirtualDisk again = _host.OpenDisk(_folder["top"], new DiskOpenOptions { ReadOnly = true });
        Assert.Equal(3, again.Levels.Count);
        Assert.Equal(expected, PushChain.ReadAll(again));
    }

    public void Dispose()
    {
        _backend.Hook = null;
        _host.Dispose();
        _folder.Dispose();
    }

    // While "level" is written to for the first time, the name of another one gets to another file.
    private void SwapDuringFirstWriteTo(string level, string name)
    {
        int swapped = 0;
        _backend.Hook = (kind, file) =>
        {
            if (kind == "write" && file == _folder[level] && Interlocked.Exchange(ref swapped, 1) == 0)
            {
                File.Move(_folder[name], _folder["moved"]);
                File.WriteAllText(_folder[name], Mine);
            }
        };
    }

    /// <summary>Three images, each with a byte of its own where its number says.</summary>
    private async Task MakeChainAsync(long sizeBytes)
    {
        string[] names = ["base", "mid", "top"];
        for (int i = 0; i < names.Length; i++)
        {
            var options = new CreateDiskOptions
            {
                VirtualSizeBytes = sizeBytes,
                ParentName = i == 0 ? null : names[i - 1],
                ParentFormat = i == 0 ? null : "qed",
                FormatOptions = new Dictionary<string, string> { ["cluster_size"] = "4096", ["table_size"] = "4" },
            };
            await _host.CreateImageAsync(_folder[names[i]], "qed", options, cancellationToken: Stop);
            using VirtualDisk disk = _host.OpenDisk(_folder[names[i]]);
            disk.Write((names.Length - 1 - i) * Cluster, [(byte)(names.Length - i)]);
            disk.Close();
        }
    }
}
