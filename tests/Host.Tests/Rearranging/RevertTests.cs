using QedVd.Host.Tests.Chains;
using QedVd.Host.Tests.Operations;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>A disk in use that goes back to what it held before its top was put on it.</summary>
public sealed class RevertTests : IDisposable
{
    private const int Size = 64 * 4096;

    private readonly TestHost _test = new();
    private readonly byte[] _before = new byte[Size];

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => _test.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task DiskInUse_ReadsWhatItsParentHolds_AndWritesThere(bool keeps)
    {
        using (VirtualDisk disk = await SnapshotAsync())
        {
            await disk.AddFilterAsync(new ReadCacheFilter(1 << 20), Stop);
            Assert.NotEqual(_before, PushChain.ReadAll(disk));

            Assert.Equal(!keeps, await disk.RevertAsync(new RevertOptions { KeepFile = keeps }, Stop));

            Assert.Equal(_before, PushChain.ReadAll(disk));
            Assert.Equal((_test["base.qed"], 1), (disk.Path, disk.Levels.Count));
            disk.Write(5, [42]);
            _before[5] = 42;
            Assert.Equal(keeps ? ["base.qed", "top.qed"] : ["base.qed"], _test.Files);
            File.Delete(_test["top.qed"]);
            await disk.SnapshotAsync(_test["next.qed"], cancellationToken: Stop);
            disk.Write(5, [43]);
            Assert.True(await disk.RevertAsync(cancellationToken: Stop));
            Assert.Equal(_before, PushChain.ReadAll(disk));
            disk.Close();
        }

        Assert.Equal(["base.qed"], _test.Files);
        using VirtualDisk again = _test.Host.OpenDisk(_test["base.qed"]);
        Assert.Equal(_before, PushChain.ReadAll(again));
    }

    [Fact]
    public async Task LevelsOneByOne_DownToTheBase_OfTheirOwnSizes()
    {
        string path = _test.Qed("level0", Size);
        string[] expected = [.. Enumerable.Range(1, 4).Select(number => _test.Qed($"level{number}", Size + (number * 4096), $"level{number - 1}"))];
        using VirtualDisk disk = _test.Host.OpenDisk(expected[^1]);
        for (int level = 4; level > 0; level--)
        {
            disk.Write(0, [(byte)level]);
            Assert.Equal(Size + (level * 4096), disk.LengthBytes);
            Assert.True(await disk.RevertAsync(cancellationToken: Stop));
            Assert.Equal(0, PushChain.ReadAll(disk)[0]);
        }

        Assert.Equal((path, (long)Size), (disk.Path, disk.LengthBytes));
        Assert.Equal(["level0"], _test.Files);
        ImageException refused = await Assert.ThrowsAsync<ImageException>(async () => await disk.RevertAsync(cancellationToken: Stop));
        Assert.Equal((ImageErrorKind.InvalidArgument, "revert"), (refused.Kind, refused.Operation));
    }

    [Theory]
    [InlineData("child of the parent", ImageErrorKind.InUse, "child.qed")]
    [InlineData("child of the top", ImageErrorKind.InUse, "child.qed")]
    [InlineData("child elsewhere", ImageErrorKind.InUse, "child.qed")]
    [InlineData("open child", ImageErrorKind.InUse, "1 open disks")]
    [InlineData("reader of the parent", ImageErrorKind.InUse, "base.qed")]
    [InlineData("interrupted merge", ImageErrorKind.InvalidArgument, "qedvd-merge")]
    [InlineData("read-only", ImageErrorKind.ReadOnly, "top.qed")]
    [InlineData("another file under its name", ImageErrorKind.Io, "base.qed")]
    public async Task WhatReliesOnOneOfTheTwo_IsInTheWay_AndNothingIsChanged(string what, ImageErrorKind kind, string named)
    {
        using VirtualDisk disk = await SnapshotAsync();
        byte[] expected = PushChain.ReadAll(disk);
        using FileStorage? reader = what == "reader of the parent" ? FileStorage.Open(_test["base.qed"], new FileStorageOptions { ReadOnly = true }) : null;
        VirtualDisk? child = null;
        switch (what)
        {
            case "child of the parent":
                _test.Qed("child.qed", Size, "base.qed");
                break;
            case "child of the top":
                _test.Qed("child.qed", Size, "top.qed");
                break;
            case "child elsewhere":
                _test.Qed("sub/child.qed", Size, "../base.qed");
                break;
            case "open child":
                child = _test.Host.OpenDisk(_test.Qed("over.qed", Size), new DiskOpenOptions { ParentDisk = disk });
                break;
            case "interrupted merge":
                await new MergeJournal
                {
                    Survivor = FilePeek.At(_test["base.qed"]).Mark,
                    SurvivorFormat = "qed",
                    Direction = MergeDirection.Down,
                    Neighbour = TestHost.JournalFileAt(_test["top.qed"]),
                    TakesTop = true,
                    KeepsFiles = false,
                    Files = [],
                }.WriteAsync(_test["base.qed"], Stop);
                break;
            case "read-only":
                await disk.SetReadOnlyAsync(true, Stop);
                break;
            case "another file under its name":
                File.Move(_test["top.qed"], _test["moved.qed"]);
                await File.WriteAllTextAsync(_test["top.qed"], "another file", Stop);
                break;
            default:
                break;
        }

        string[] files = _test.Files;
        ImageException refused = await Assert.ThrowsAsync<ImageException>(
            async () => await disk.RevertAsync(new RevertOptions { SiblingFolders = what == "child elsewhere" ? [_test["sub"]] : [] }, Stop));

        Assert.Equal(kind, refused.Kind);
        Assert.Contains(named, refused.Message, StringComparison.Ordinal);
        child?.Close();
        Assert.Equal(files, _test.Files);
        Assert.Equal(expected, PushChain.ReadAll(disk));
        if (!disk.IsReadOnly)
        {
            disk.Write(7, [1]);
            Assert.Equal(_test["top.qed"], disk.Path);
        }
    }

    [Fact]
    public async Task WhereItCannotBeToldWhoNeedsTheTop_ItsFileStays()
    {
        using VirtualDisk disk = await SnapshotAsync();
        _test.Qed("child.qed", Size, "nbd:server");

        Assert.False(await disk.RevertAsync(cancellationToken: Stop));

        Assert.Equal(_before, PushChain.ReadAll(disk));
        Assert.True(File.Exists(_test["top.qed"]));
    }

    /// <summary>A write waits for the change, and is in the parent then, or ends before it, and is gone.</summary>
    [Fact]
    public async Task WritesMeanwhile_AreBeforeOrAfter()
    {
        for (int round = 0; round < 20; round++)
        {
            string top = _test[$"top{round}.qed"];
            using VirtualDisk disk = _test.Host.OpenDisk(_test.Qed($"base{round}.qed", Size));
            await disk.SnapshotAsync(top, cancellationToken: Stop);
            using var stop = new CancellationTokenSource();
            byte last = 0;
            Task guest = Task.Run(() =>
            {
                for (byte value = 1; !stop.IsCancellationRequested; value = (byte)((value % 255) + 1))
                {
                    disk.Write(4096, [value]);
                    Volatile.Write(ref last, value);
                }
            });
            while (Volatile.Read(ref last) == 0)
            {
                await Task.Yield();
            }

            await disk.RevertAsync(cancellationToken: Stop);
            byte seen = Volatile.Read(ref last);
            while (Volatile.Read(ref last) == seen)
            {
                await Task.Yield();
            }

            await stop.CancelAsync();
            await guest;
            byte[] one = new byte[1];
            disk.Read(4096, one);
            Assert.Equal(last, one[0]);
            Assert.Equal(_test[$"base{round}.qed"], disk.Path);
            Assert.False(File.Exists(top));
        }
    }

    /// <summary>It has turned guests away by then, and waits for one that is inside.</summary>
    [Fact]
    public async Task CancelledWhileItWaitsForAGuest_ItLetsTheOthersGoOn_AndChangesNothing()
    {
        var limit = TimeSpan.FromSeconds(30);
        var top = new BlockImage("top", 2 * 4096, 4096);
        var parent = new ParentImage(new BlockImage("base", 2 * 4096, 4096) { InitialFlags = ImageOpenFlags.ReadOnly });
        VirtualDisk disk = TestDisks.Compose(top, parent);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        using var isInside = new ManualResetEventSlim();
        using var mayGo = new ManualResetEventSlim();
        disk.Write(0, new byte[2 * 4096]);
        int writes = 0;
        Task guest = Task.CompletedTask;
        parent.BeforeWritable = () =>
        {
            top.OnWrite = _ =>
            {
                if (Interlocked.Increment(ref writes) == 1)
                {
                    isInside.Set();
                    mayGo.Wait(limit);
                }
            };
            guest = Task.Run(() => disk.Write(0, [1]));
            isInside.Wait(limit);
        };
        Task reverting = Task.Run(async () => await disk.RevertAsync(cancellationToken: stop.Token));
        await Task.Run(() => isInside.Wait(limit), Stop);
        Task later = Task.CompletedTask;
        while (later.IsCompleted && !reverting.IsCompleted)
        {
            await Task.Yield();
            later = disk.WriteAsync(4096, new byte[] { 2 }, cancellationToken: Stop).AsTask();
        }

        await stop.CancelAsync();

        // It ends when the guest has; before that, what it has made writable is given back.
        await Task.WhenAny(parent.IsGivenBack.Task, reverting).WaitAsync(limit, Stop);
        mayGo.Set();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reverting.WaitAsync(limit, Stop));
        await later.WaitAsync(limit, Stop);
        await guest;
        Assert.Equal(2, disk.Levels.Count);
        byte[] bytes = PushChain.ReadAll(disk);
        Assert.Equal((1, 2), (bytes[0], bytes[4096]));
        await disk.DisposeAsync();
    }

    private async Task<VirtualDisk> SnapshotAsync()
    {
        new Random(1).NextBytes(_before);
        VirtualDisk disk = _test.Host.OpenDisk(_test.Qed("base.qed", Size));
        disk.Write(0, _before);
        await disk.SnapshotAsync(_test["top.qed"], cancellationToken: Stop);
        disk.Write(4096, _before.AsSpan(0, 3 * 4096));
        disk.WriteZeroes(20 * 4096, 4096);
        return disk;
    }

    private sealed class ParentImage(IDiskImage inner) : DelegatingImage(inner)
    {
        public Action? BeforeWritable { get; set; }

        public TaskCompletionSource IsGivenBack { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public override ValueTask SetOpenFlagsAsync(ImageOpenFlags flags, CancellationToken cancellationToken = default)
        {
            if ((flags & ImageOpenFlags.ReadOnly) == 0)
            {
                BeforeWritable?.Invoke();
            }
            else
            {
                IsGivenBack.TrySetResult();
            }

            return Inner.SetOpenFlagsAsync(flags, cancellationToken);
        }
    }
}
