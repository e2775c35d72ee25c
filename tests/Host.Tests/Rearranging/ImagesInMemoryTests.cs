using QedVd.Host.Tests.Chains;
using QedVd.Host.Tests.Maintenance;
using QedVd.TestKit;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>Chains whose images are no files, or cannot do everything, are rearranged as far as that goes: nothing is deleted, no journal is written.</summary>
public sealed class ImagesInMemoryTests
{
    private const int Block = SimulatedChain.Block;
    private const int Size = 16 * Block;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(MergeDirection.Up, false)]
    [InlineData(MergeDirection.Up, true)]
    [InlineData(MergeDirection.Down, false)]
    [InlineData(MergeDirection.Down, true)]
    public async Task Merge_OfImagesThatAreNoFiles_ReadsTheSame_AndNamesNoFile(MergeDirection direction, bool keepsFiles)
    {
        SimulatedChain chain = MakeChain();
        byte[] expected = chain.ReadAll();
        using (VirtualDisk disk = chain.Open())
        {
            disk.Geometry = new DiskGeometry(3, 5, 7);
            bool isDown = direction == MergeDirection.Down;
            MergeResult result = await disk.MergeAsync(new MergeOptions { Direction = direction, ToDepth = isDown ? 1 : 2, KeepFiles = keepsFiles }, cancellationToken: Stop);

            Assert.Equal(isDown ? "level 1" : "level 0", result.SurvivorPath);
            Assert.Equal(isDown ? ["level 1", "level 2"] : ["level 0"], disk.Levels.Select(level => level.Path));
            Assert.Empty(result.RemovedPaths.Concat(result.KeptPaths));
            Assert.Equal(new DiskGeometry(3, 5, 7), disk.Geometry);
            Assert.Equal(expected, TestDisks.ReadAll(disk));
            disk.Write(5, [42]);
            disk.Close();
        }

        expected[5] = 42;
        IDiskImage[] left = direction == MergeDirection.Down ? [chain.OpenImage(1, readOnly: true), chain.OpenImage(2, readOnly: true)] : [chain.OpenImage(0, readOnly: true)];
        using VirtualDisk again = TestDisks.Compose(new DiskOpenOptions { ReadOnly = true }, left);
        Assert.Equal(expected, TestDisks.ReadAll(again));
    }

    [Fact]
    public async Task Commit_WhoseTopCannotBeEmptied_LeavesItFilled()
    {
        var blocks = new MemoryBackend(canMaintain: true);
        SimulatedFile top = Create(new MemoryBackend(), "top", Size), parent = Create(blocks, "parent", Size);
        using (VirtualDisk disk = TestDisks.Compose(Open(new MemoryBackend(), top), Open(blocks, parent, readOnly: true)))
        {
            disk.Write(Block, [1, 2, 3]);
            CommitResult result = await disk.CommitAsync(cancellationToken: Stop);

            Assert.Equal(("parent", (long)Block), (result.TargetPath, result.CopiedBytes));
            Assert.Equal(0, disk.Map(Block, 1).Depth);
            Assert.Equal([1, 2, 3], TestDisks.ReadAll(disk)[Block..(Block + 3)]);
            disk.Close();
        }

        using VirtualDisk below = TestDisks.Compose(new DiskOpenOptions { ReadOnly = true }, Open(blocks, parent, readOnly: true));
        Assert.Equal([1, 2, 3], TestDisks.ReadAll(below)[Block..(Block + 3)]);
    }

    [Fact]
    public async Task Flatten_WhoseParentFailsToClose_HasHappenedAllTheSame()
    {
        SimulatedChain chain = MakeChain();
        byte[] expected = chain.ReadAll();
        using VirtualDisk disk = TestDisks.Compose(chain.OpenImage(0, readOnly: false), new FailingClose(chain.OpenImage(1, readOnly: true)), chain.OpenImage(2, readOnly: true));

        await disk.FlattenAsync(cancellationToken: Stop);

        Assert.Single(disk.Levels);
        Assert.Equal(expected, TestDisks.ReadAll(disk));
    }

    [Fact]
    public async Task Merge_WhoseParentFailsToClose_HasHappenedAllTheSame()
    {
        SimulatedChain chain = MakeChain();
        byte[] expected = chain.ReadAll();
        using VirtualDisk disk = TestDisks.Compose(chain.OpenImage(0, readOnly: false), chain.OpenImage(1, readOnly: true), new FailingClose(chain.OpenImage(2, readOnly: true)));

        await disk.MergeAsync(new MergeOptions { ToDepth = 2, Direction = MergeDirection.Up }, cancellationToken: Stop);

        Assert.Single(disk.Levels);
        Assert.Equal(expected, TestDisks.ReadAll(disk));
    }

    [Theory]
    [InlineData(1, 2, MergeDirection.Down, "level 0: the format 'testblocks' cannot change the parent's name")]
    [InlineData(0, 1, MergeDirection.Up, "level 0: the format 'testblocks' cannot change the parent's name")]
    [InlineData(0, 1, MergeDirection.Down, "level 1: 65536 bytes are more than the 32768 of 'level 0', and the format 'testblocks' cannot shrink")]
    public async Task Merge_ThatTheFormatCannotDo_IsRefused_AndSaysWhy(int from, int to, MergeDirection direction, string why)
    {
        var blocks = new MemoryBackend();
        SimulatedFile[] files = [Create(blocks, "level 0", Size / 2), Create(blocks, "level 1", Size), Create(blocks, "level 2", Size)];
        using VirtualDisk disk = TestDisks.Compose(Open(blocks, files[0]), Open(blocks, files[1], readOnly: true), Open(blocks, files[2], readOnly: true));

        ImageException refused = await Assert.ThrowsAsync<ImageException>(
            async () => await disk.MergeAsync(new MergeOptions { FromDepth = from, ToDepth = to, Direction = direction }, cancellationToken: Stop));

        Assert.Equal(ImageErrorKind.NotSupported, refused.Kind);
        Assert.StartsWith(why, refused.Message, StringComparison.Ordinal);
        Assert.Equal(3, disk.Levels.Count);
    }

    [Fact]
    public async Task DiskThatNoHostHasOpened_IsNotRebased_NorGivenAnotherParentsName_NorASnapshot()
    {
        using VirtualDisk disk = MakeChain().Open();
        foreach (Func<Task> ask in (Func<Task>[])[
            () => disk.RebaseAsync("/somewhere", cancellationToken: Stop).AsTask(),
            () => disk.SetParentNameAsync("/somewhere", cancellationToken: Stop).AsTask(),
            () => disk.SnapshotAsync("/somewhere/else", cancellationToken: Stop).AsTask()])
        {
            Assert.Equal(ImageErrorKind.NotSupported, (await Assert.ThrowsAsync<ImageException>(ask)).Kind);
        }

        Assert.Equal(3, disk.Levels.Count);
        disk.Write(0, [9]);
    }

    [Fact]
    public async Task Overlay_OnATopWhoseFormatCannotBecomeReadOnly_IsTaken_AndTheOldTopIsWrittenNoMore()
    {
        var blocks = new MemoryBackend();
        SimulatedFile old = Create(blocks, "old", Size), over = Create(blocks, "over", Size);
        using VirtualDisk disk = TestDisks.Compose(Open(blocks, old));
        disk.Write(0, [1]);
        var overlay = new Level { Image = Open(blocks, over), Path = "over", FormatId = "testblocks" };
        await disk.TakeOverlayAsync(overlay, Stop);
        SimulatedFile kept = old.Copy();
        disk.Write(0, [2]);
        disk.Flush();

        Assert.Equal(2, TestDisks.ReadAll(disk)[0]);
        using VirtualDisk below = TestDisks.Compose(new DiskOpenOptions { ReadOnly = true }, Open(blocks, kept, readOnly: true));
        Assert.Equal(1, TestDisks.ReadAll(below)[0]);
        Assert.Equal(kept.LengthBytes, old.LengthBytes);
    }

    [Fact]
    public async Task Pull_ThatCanNeitherReadOn_NorWriteWhatItHasRead_Fails_AndLosesNothing()
    {
        var chain = new SimulatedChain(512 * Block, 512 * Block);
        chain.Fill(1, 7);
        byte[] expected = chain.ReadAll();
        var parent = new FailingRead(chain.OpenImage(1, readOnly: true));
        using VirtualDisk disk = TestDisks.Compose(chain.OpenImage(0, readOnly: false), parent);
        chain.Top.Fail(new StorageFault { Kind = StorageOperationKind.Write, IsSticky = true, Error = ImageErrorKind.OutOfSpace });
        parent.FromOffset = 64 * Block;

        ImageException failed = await Assert.ThrowsAsync<ImageException>(async () => await disk.FlattenAsync(cancellationToken: Stop));

        // Whichever comes first: one thread reads on while the other writes.
        Assert.True(failed.Kind is ImageErrorKind.Io or ImageErrorKind.OutOfSpace, failed.ToString());
        chain.Top.ClearFaults();
        parent.FromOffset = long.MaxValue;
        Assert.Equal(2, disk.Levels.Count);
        Assert.Equal(expected, TestDisks.ReadAll(disk));
        await disk.FlattenAsync(cancellationToken: Stop);
        Assert.Equal(expected, TestDisks.ReadAll(disk));
    }

    private static SimulatedChain MakeChain() => new SimulatedChain(Size, Size, Size) { AreParentsWritable = true }.Fill(2, 3).Fill(1, 2, 2 * Block, 3 * Block).Fill(0, 1, 4 * Block, 100);

    private static SimulatedFile Create(MemoryBackend backend, string name, long sizeBytes)
    {
        var file = new SimulatedFile(name);
        using SimulatedStorage storage = file.Open();
        backend.Create(storage, new ImageCreateOptions { VirtualSizeBytes = sizeBytes });
        return file;
    }

    private static IDiskImage Open(MemoryBackend backend, SimulatedFile file, bool readOnly = false) =>
        backend.Open(file.Open(), new ImageOpenOptions { Flags = readOnly ? ImageOpenFlags.ReadOnly : ImageOpenFlags.None });

    private sealed class FailingClose(IDiskImage inner) : DelegatingImage(inner)
    {
        protected override async ValueTask CloseCore<TIo>()
        {
            await base.CloseCore<TIo>();
            throw new ImageException(ImageErrorKind.Io, "close: injected");
        }
    }

    private sealed class FailingRead(IDiskImage inner) : DelegatingImage(inner)
    {
        public long FromOffset { get; set; } = long.MaxValue;

        protected override ValueTask<ReadResult> ReadCore<TIo>(long offset, IoBuffer buffer, CancellationToken cancellationToken) =>
            offset < FromOffset ? base.ReadCore<TIo>(offset, buffer, cancellationToken) : throw new ImageException(ImageErrorKind.Io, "read: injected");
    }
}
