using QedVd.Host.Tests.Chains;
using QedVd.TestKit;

namespace QedVd.Host.Tests.Maintenance;

public sealed class CompactTests
{
    private const int Block = SimulatedChain.Block;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Compact_DropsWhatItMay_AndTheDiskReadsTheSame(bool equalToParent)
    {
        // The top's end lies inside of a block, and the parent is shorter than it.
        SimulatedChain chain = new SimulatedChain((16 * Block) + 512, 8 * Block).Fill(1, 7).Fill(0, 7, 0, 4 * Block).Fill(0, 0, 4 * Block, 4 * Block).Fill(0, 9, 10 * Block, Block);
        using VirtualDisk disk = chain.Open();
        disk.Write((16 * Block) + 511, [0]);
        byte[] before = TestDisks.ReadAll(disk);

        await disk.CompactAsync(new DiskCompactOptions { DropBlocksEqualToParent = equalToParent });

        Assert.Equal(before, TestDisks.ReadAll(disk));
        Assert.Equal(equalToParent ? 1 : 0, disk.Map(0, Block).Depth);
        Assert.Equal(ExtentKind.Zero, disk.Map(4 * Block, Block).Kind);
        Assert.Equal(0, disk.Map(4 * Block, Block).Depth);
        Assert.Equal(ExtentKind.Data, disk.Map(10 * Block, Block).Kind);
        disk.Close();
        Assert.Equal(before, chain.ReadAll());
    }

    [Fact]
    public async Task Compact_OverADeepChain_ThenWrites_AreNotHiddenByWhatIsRemembered()
    {
        SimulatedChain chain = new SimulatedChain(8 * Block, 8 * Block, 8 * Block, 8 * Block, 8 * Block).Fill(4, 7).Fill(0, 7);
        using VirtualDisk disk = chain.Open();
        TestDisks.ReadAll(disk);
        await disk.CompactAsync(new DiskCompactOptions { DropBlocksEqualToParent = true });
        Assert.Equal(4, disk.Map(Block, Block).Depth);
        Assert.DoesNotContain(TestDisks.ReadAll(disk), value => value != 7);

        disk.Write(Block + 5, [1]);
        byte[] three = new byte[3];
        disk.Read(Block + 4, three);
        Assert.Equal([7, 1, 7], three);
    }

    [Fact]
    public async Task Compact_UnderLoad_LosesNoWrite()
    {
        const int Size = 24 * Block;
        SimulatedChain chain = new SimulatedChain(Size, Size, Size, Size, Size).Fill(4, 7);
        byte[] model = new byte[Size];
        model.AsSpan().Fill(7);
        using (VirtualDisk disk = chain.Open())
        {
            var load = new DiskLoad(disk, model);
            for (int i = 0; i < 12; i++)
            {
                await load.PassAsync(150);

                // Blocks that equal the parent come about all the time: what the load wrote goes back to 7 here and there.
                await disk.CompactAsync(new DiskCompactOptions { DropBlocksEqualToParent = true });
            }

            await load.StopAsync();
            disk.Close();
        }

        Assert.Equal(model, chain.ReadAll());
    }

    [Fact]
    public void Write_OfABlockThatIsDroppedBetweenTheLookAndTheRequest_CopiesItUp()
    {
        var top = new Hasty(new BlockImage("top", 4 * Block, Block)) { Lies = 1 };
        using VirtualDisk disk = TestDisks.Compose(top, TestDisks.Filled("base", 4 * Block, Block, 7));

        disk.Write(5, [1]);
        top.Lies = 1;
        disk.WriteZeroes(Block + 5, 1);

        byte[] bytes = TestDisks.ReadAll(disk);
        Assert.Equal((byte[])[7, 1, 7], bytes[4..7]);
        Assert.Equal((byte[])[7, 0, 7], bytes[(Block + 4)..(Block + 7)]);
        top.Lies = int.MaxValue;
        Assert.Equal(ImageErrorKind.BackendFault, Assert.Throws<ImageException>(() => disk.Write(3 * Block, [1])).Kind);
    }

    [Fact]
    public async Task Compact_ByEqualityWithAParentThatMayBeWritten_IsRefused()
    {
        using VirtualDisk parent = new SimulatedChain(8 * Block).Open();
        var levels = new List<Level>
        {
            new() { Image = new SimulatedChain(8 * Block).OpenImage(0, readOnly: false), Path = "top", FormatId = "testblocks" },
            new() { Image = DiskAsImage.Over(parent), Path = "parent", FormatId = DiskAsImage.FormatId, IsMutable = true },
        };
        using var disk = new VirtualDisk(new Generation(levels), new DiskOpenOptions(), host: null, number: 0, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance);

        ImageException refusal = await Assert.ThrowsAsync<ImageException>(async () => await disk.CompactAsync(new DiskCompactOptions { DropBlocksEqualToParent = true }));
        Assert.Equal(ImageErrorKind.InvalidArgument, refusal.Kind);
        await disk.CompactAsync();
    }

    [Fact]
    public async Task Compact_OfAReadOnlyDisk_OrAFormatThatCannot_IsRefused()
    {
        using VirtualDisk readOnly = new SimulatedChain(8 * Block).Open(readOnly: true);
        Assert.Equal(ImageErrorKind.ReadOnly, (await Assert.ThrowsAsync<ImageException>(async () => await readOnly.CompactAsync())).Kind);
        using VirtualDisk cannot = TestDisks.Compose(new BlockImage("x", Block, Block));
        Assert.Equal(ImageErrorKind.NotSupported, (await Assert.ThrowsAsync<ImageException>(async () => await cannot.CompactAsync())).Kind);
    }

    [Fact]
    public async Task SecondOperation_WaitsForItsTurn_WithoutHoldingTheGuest()
    {
        SimulatedChain chain = new SimulatedChain(8 * Block).Fill(0, 1);
        using VirtualDisk disk = chain.Open();
        using StorageGate read = chain.Top.Hold(StorageOperationKind.Read);
        Task compacting = disk.CompactAsync().AsTask();
        await read.Reached;
        using var cancel = new CancellationTokenSource();
        Task second = disk.SetReadOnlyAsync(true, TestContext.Current.CancellationToken).AsTask();
        Task third = disk.ResizeAsync(16 * Block, cancellationToken: cancel.Token).AsTask();

        // A read is not held by the test's gate any more, and nobody holds it here.
        disk.Read(0, new byte[100]);
        Assert.False(disk.IsReadOnly);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => third);
        read.Release();
        await compacting;
        await second;
        Assert.True(disk.IsReadOnly);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Close_WhileCompacting_CancelsIt_AndWaitsForIt(bool asynchronous)
    {
        SimulatedChain chain = new SimulatedChain(64 * Block).Fill(0, 1);
        VirtualDisk disk = chain.Open();
        StorageGate read = chain.Top.Hold(StorageOperationKind.Read);
        Task compacting = disk.CompactAsync().AsTask();
        await read.Reached;
        Task waiting = disk.ResizeAsync(65 * Block).AsTask();
        Task closing = asynchronous ? disk.CloseAsync().AsTask() : Task.Run(disk.Close, TestContext.Current.CancellationToken);
        await Waiting.UntilAsync(() => disk.IsClosing);
        Assert.False(closing.IsCompleted);
        read.Release();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => compacting);
        await closing;
        await Assert.ThrowsAnyAsync<Exception>(() => waiting);
        Assert.Equal(0, chain.Top.OpenHandles);
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await disk.CompactAsync());
    }

    /// <summary>Says at a look that a block is there which is not any more.</summary>
    private sealed class Hasty(IDiskImage inner) : DelegatingImage(inner)
    {
        public int Lies { get; set; }

        public override bool TryMap(long offset, long lengthBytes, out Extent extent)
        {
            bool known = base.TryMap(offset, lengthBytes, out extent);
            if (known && extent.Kind == ExtentKind.Free && Lies-- > 0)
            {
                extent = extent with { Kind = ExtentKind.Data };
            }

            return known;
        }
    }
}
