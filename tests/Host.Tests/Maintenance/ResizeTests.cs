using QedVd.Host.Tests.Chains;
using QedVd.TestKit;

namespace QedVd.Host.Tests.Maintenance;

public sealed class ResizeTests
{
    private const int Block = SimulatedChain.Block;

    [Theory]
    [InlineData(4 * Block, 8 * Block)]
    [InlineData((4 * Block) + 512, 8 * Block)]
    [InlineData((4 * Block) + 512, (4 * Block) + 1024)]
    [InlineData((4 * Block) + 512, (8 * Block) - 1536)]
    [InlineData(512, 20 * Block)]
    public async Task Grow_OverALongerParent_ReadsZeroBeyondTheOldEnd(int oldSize, int newSize)
    {
        SimulatedChain chain = new SimulatedChain(oldSize, 16 * Block).Fill(1, 7);
        byte[] expected = new byte[newSize];
        expected.AsSpan(0, oldSize).Fill(7);
        using (VirtualDisk disk = chain.Open())
        {
            await disk.ResizeAsync(newSize);
            Assert.Equal(expected, TestDisks.ReadAll(disk));
            disk.Write(newSize - 1, [5]);
        }

        expected[^1] = 5;
        Assert.Equal(expected, chain.ReadAll());
    }

    [Fact]
    public async Task Grow_OfAnImageThatLeavesNewSpaceFreeOverAParent_ReadsZeroAllTheSame()
    {
        SimulatedChain chain = new SimulatedChain(4 * Block, 16 * Block).Fill(1, 7);
        using VirtualDisk disk = chain.Open(aroundTop: image => new Careless(image));

        await disk.ResizeAsync(10 * Block);

        byte[] expected = new byte[10 * Block];
        expected.AsSpan(0, 4 * Block).Fill(7);
        Assert.Equal(expected, TestDisks.ReadAll(disk));
    }

    [Fact]
    public async Task Grow_IsSeenAtOnceEverywhere()
    {
        using VirtualDisk disk = new SimulatedChain(100 << 20).Open();
        using Stream stream = disk.AsStream();
        DiskGeometry before = disk.Geometry;

        await disk.ResizeAsync(200 << 20);

        Assert.Equal(200 << 20, disk.LengthBytes);
        Assert.Equal(200 << 20, stream.Length);
        Assert.Equal(200 << 20, disk.Levels[0].VirtualSizeBytes);
        Assert.NotEqual(before, disk.Geometry);
        disk.Write((200 << 20) - 1, [1]);
        disk.Geometry = new DiskGeometry(1, 2, 3);
        await disk.ResizeAsync(210 << 20);
        Assert.Equal(new DiskGeometry(1, 2, 3), disk.Geometry);
    }

    [Fact]
    public async Task Resize_UnderLoad_LosesNothing()
    {
        const int Kept = 40 * Block;
        SimulatedChain chain = new SimulatedChain(Kept, 90 * Block, 90 * Block, 90 * Block, 90 * Block).Fill(4, 7);
        byte[] model = new byte[Kept];
        model.AsSpan().Fill(7);
        using (VirtualDisk disk = chain.Open())
        {
            var load = new DiskLoad(disk, model);
            foreach (int size in (int[])[50 * Block, (45 * Block) + 512, 80 * Block, Kept + 512, 100 * Block, Kept])
            {
                await load.PassAsync(200);
                await disk.ResizeAsync(size, mayShrink: true);
                Assert.Equal(size, disk.LengthBytes);
                byte[] rest = new byte[size - Kept];
                disk.Read(Kept, rest);
                Assert.DoesNotContain(rest, value => value != 0);
            }

            await load.StopAsync();
            disk.Close();
        }

        Assert.Equal(model, chain.ReadAll());
    }

    [Fact]
    public async Task Shrink_RefusesRequestsBeyondTheNewEnd_AndLetsThoseUnderWayFinish()
    {
        SimulatedChain chain = new SimulatedChain(8 * Block).Fill(0, 3);
        using VirtualDisk disk = chain.Open();
        using StorageGate read = chain.Top.Hold(StorageOperationKind.Read);
        byte[] buffer = new byte[Block];
        Task reading = Task.Run(async () => await disk.ReadAsync(7 * Block, buffer));
        await read.Reached;

        Task shrinking = disk.ResizeAsync(4 * Block, mayShrink: true).AsTask();
        await Waiting.UntilAsync(() => disk.LengthBytes == 4 * Block);
        Assert.Throws<ArgumentOutOfRangeException>(() => disk.Read(4 * Block, new byte[1]));
        Assert.Throws<ArgumentOutOfRangeException>(() => disk.Write((4 * Block) - 1, new byte[2]));
        disk.Write((4 * Block) - 1, [9]);
        Assert.False(shrinking.IsCompleted);

        read.Release();
        await reading;
        await shrinking;
        Assert.DoesNotContain(buffer, value => value != 3);
        Assert.Equal(4 * Block, disk.Levels[0].VirtualSizeBytes);
    }

    [Fact]
    public async Task Shrink_ThatFails_LosesNothingOfTheLastBlock_ThoughThatWasCopiedUpMeanwhile()
    {
        SimulatedChain chain = new SimulatedChain(8 * Block, 8 * Block).Fill(1, 7);
        using VirtualDisk disk = chain.Open();
        using StorageGate barrier = chain.Top.Hold(StorageOperationKind.Barrier);
        chain.Top.Fail(new StorageFault { Kind = StorageOperationKind.Write, Where = (offset, _) => offset == 0 });

        Task shrinking = disk.ResizeAsync((4 * Block) + 512, mayShrink: true).AsTask();
        await barrier.Reached;
        Task writing = disk.WriteAsync(4 * Block, new byte[] { 1 }).AsTask();
        barrier.Release();

        await Assert.ThrowsAsync<ImageException>(() => shrinking);
        await writing;
        Assert.Equal(8 * Block, disk.LengthBytes);
        byte[] expected = new byte[8 * Block];
        expected.AsSpan().Fill(7);
        expected[4 * Block] = 1;
        Assert.Equal(expected, TestDisks.ReadAll(disk));
    }

    [Fact]
    public async Task Shrink_BelowADiskThatHasThisAsItsParent_IsRefused_AndGrowingIsNot()
    {
        using VirtualDisk parent = new SimulatedChain(8 * Block).Fill(0, 3).Open();
        using (VirtualDisk child = TestDisks.Compose(new BlockImage("child", 8 * Block, Block), DiskAsImage.Over(parent)))
        {
            Assert.Equal(ImageErrorKind.InUse, (await Assert.ThrowsAsync<ImageException>(async () => await parent.ResizeAsync(Block, mayShrink: true))).Kind);
            await parent.ResizeAsync(9 * Block);
            Assert.DoesNotContain(TestDisks.ReadAll(child), value => value != 3);
        }

        await parent.ResizeAsync(Block, mayShrink: true);
        Assert.Equal(Block, parent.LengthBytes);
    }

    [Theory]
    [InlineData(Block + 1, true, ImageErrorKind.InvalidArgument, "multiple of 512")]
    [InlineData(-512, true, ImageErrorKind.InvalidArgument, "multiple of 512")]
    [InlineData(Block, false, ImageErrorKind.InvalidArgument, "shrink")]
    public async Task Resize_ToAnImpossibleSize_IsRefusedWithTheReason(long size, bool mayShrink, ImageErrorKind kind, string reason)
    {
        using VirtualDisk disk = new SimulatedChain(8 * Block).Open();
        ImageException refusal = await Assert.ThrowsAsync<ImageException>(async () => await disk.ResizeAsync(size, mayShrink));
        Assert.Equal(kind, refusal.Kind);
        Assert.Contains(reason, refusal.Message, StringComparison.Ordinal);
        Assert.Equal(8 * Block, disk.LengthBytes);
    }

    [Fact]
    public async Task Resize_OfAReadOnlyDisk_OrAFormatThatCannot_IsRefused()
    {
        using VirtualDisk readOnly = new SimulatedChain(8 * Block).Open(readOnly: true);
        Assert.Equal(ImageErrorKind.ReadOnly, (await Assert.ThrowsAsync<ImageException>(async () => await readOnly.ResizeAsync(16 * Block))).Kind);
        using VirtualDisk fixedSize = TestDisks.Compose(new BlockImage("x", Block, Block));
        Assert.Equal(ImageErrorKind.NotSupported, (await Assert.ThrowsAsync<ImageException>(async () => await fixedSize.ResizeAsync(16 * Block))).Kind);
    }

    [Fact]
    public async Task Resize_Cancelled_LeavesTheDiskAsItWas()
    {
        SimulatedChain chain = new SimulatedChain(8 * Block, 8 * Block).Fill(1, 7);
        using VirtualDisk disk = chain.Open();
        using StorageGate barrier = chain.Top.Hold(StorageOperationKind.Barrier);
        using var cancel = new CancellationTokenSource();
        Task resizing = disk.ResizeAsync(4 * Block, mayShrink: true, progress: null, cancel.Token).AsTask();
        await barrier.Reached;
        await cancel.CancelAsync();
        barrier.Release();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => resizing);
        Assert.Equal(8 * Block, disk.LengthBytes);
        Assert.DoesNotContain(TestDisks.ReadAll(disk), value => value != 7);
    }

    /// <summary>Grows, and tells itself that nothing lies beneath.</summary>
    private sealed class Careless(IDiskImage inner) : DelegatingImage(inner)
    {
        protected override async ValueTask SetBeneathCore<TIo>(Beneath beneath, CancellationToken cancellationToken) => Inner.SetBeneath(beneath);

        public override async ValueTask ResizeAsync(long virtualSizeBytes, bool mayShrink, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default)
        {
            Inner.SetBeneath(Beneath.Nothing);
            await Inner.ResizeAsync(virtualSizeBytes, mayShrink, progress, cancellationToken);
            Inner.SetBeneath(Beneath.Unknown);
        }
    }
}
