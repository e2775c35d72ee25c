using Microsoft.Extensions.Logging.Abstractions;
using QedVd.Backends.Raw;
using QedVd.Host.Tests.Operations;

namespace QedVd.Host.Tests.Chains;

/// <summary>What the top image, or a new one, is asked for when a disk grows, shrinks, is compacted or gets an overlay.</summary>
public sealed class MaintenanceRequestsTests : IDisposable
{
    private const int Block = 4096;
    private const int Mega = 1 << 20;
    private const int Ragged = (10 * Block) + 512;

    private readonly TestHost _test = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => _test.Dispose();

    [Theory]
    [InlineData(Ragged, ExtentKind.Data, Mega, 20 * Block, "write 40960+4096", "resize 81920", "zero 45056+36864")]
    [InlineData(Ragged, ExtentKind.Zero, Mega, 20 * Block, "zero 40960+4096", "resize 81920", "zero 45056+36864")]
    [InlineData(Ragged, ExtentKind.Data, Mega, (10 * Block) + 1024, "write 40960+4096", "resize 41984")]
    [InlineData(Ragged, ExtentKind.Data, 15 * Block, 20 * Block, "write 40960+4096", "resize 81920", "zero 45056+16384")]
    [InlineData(Ragged, ExtentKind.Data, (15 * Block) - 512, 20 * Block, "write 40960+4096", "resize 81920", "zero 45056+16384")]
    [InlineData(Ragged, ExtentKind.Data, 10 * Block, 20 * Block, "resize 81920")]
    [InlineData(Ragged, ExtentKind.Data, Ragged, 20 * Block, "resize 81920")]
    [InlineData(Ragged, ExtentKind.Data, Ragged + 512, 20 * Block, "write 40960+4096", "resize 81920")]
    [InlineData(10 * Block, ExtentKind.Data, Mega, 12 * Block, "resize 49152", "zero 40960+8192")]
    [InlineData(10 * Block, ExtentKind.Data, 5 * Block, 12 * Block, "resize 49152")]
    public async Task Growing_FirstSettlesTheLastBlock_AndHidesWhatLiesBeneathTheNewOnes(long size, ExtentKind beneath, long sizeBeneath, long newSize, params string[] asked)
    {
        TracedImage traced = new("top", Mega, Block, ExtentKind.Free);
        using VirtualDisk disk = TestDisks.Compose(new MaintainedImage(traced, size), new TracedImage("base", sizeBeneath, Block, beneath, 9));

        await disk.ResizeAsync(newSize, cancellationToken: Stop);

        Assert.Equal(asked, traced.Asked);
        Assert.Equal(newSize, disk.LengthBytes);
    }

    [Fact]
    public async Task Growing_LeavesAloneWhatTheTopHolds()
    {
        TracedImage traced = new("top", Mega, Block, ExtentKind.Free);
        using VirtualDisk disk = TestDisks.Compose(new MaintainedImage(traced, Ragged), new TracedImage("base", Mega, Block, ExtentKind.Data, 9));
        traced.Set(10 * Block, Block, ExtentKind.Data);
        traced.Set(13 * Block, 2 * Block, ExtentKind.Zero);

        await disk.ResizeAsync(18 * Block, cancellationToken: Stop);

        Assert.Equal(["resize 73728", "zero 45056+8192", "zero 61440+12288"], traced.Asked);
    }

    [Fact]
    public async Task Resizing_ToTheSizeThatItHas_AsksNothing_AndShrinkingSaysThatItMay()
    {
        TracedImage traced = new("top", Mega, Block, ExtentKind.Data);
        var image = new MaintainedImage(traced, 20 * Block);
        using VirtualDisk disk = TestDisks.Compose(image, new TracedImage("base", Mega, Block, ExtentKind.Data, 9));

        await disk.ResizeAsync(20 * Block, mayShrink: true, cancellationToken: Stop);
        Assert.Empty(traced.Asked);
        await disk.ResizeAsync(5 * Block, mayShrink: true, cancellationToken: Stop);
        await disk.ResizeAsync(6 * Block, mayShrink: true, cancellationToken: Stop);

        Assert.Equal(["resize 20480 or less", "resize 24576"], traced.Asked);
        Assert.Equal(6 * Block, disk.LengthBytes);
    }

    [Fact]
    public async Task Shrinking_ToNothing_IsPossible()
    {
        TracedImage traced = new("top", Mega, Block, ExtentKind.Data);
        using VirtualDisk disk = TestDisks.Compose(new MaintainedImage(traced, 20 * Block));

        await disk.ResizeAsync(0, mayShrink: true, cancellationToken: Stop);

        Assert.Equal(["resize 0 or less"], traced.Asked);
        Assert.Equal(0, disk.LengthBytes);
    }

    [Theory]
    [InlineData(ImageCapabilities.Grow, 10 * Block, "shrink")]
    [InlineData(ImageCapabilities.Shrink, 30 * Block, "grow")]
    public async Task Resizing_ToWhatTheFormatCannot_IsRefused_TheOtherDirectionIsNot(ImageCapabilities can, long size, string cannot)
    {
        TracedImage traced = new("top", Mega, Block, ExtentKind.Data);
        using VirtualDisk disk = TestDisks.Compose(new MaintainedImage(traced, 20 * Block) { Maintained = can });

        ImageException refusal = await Assert.ThrowsAsync<ImageException>(async () => await disk.ResizeAsync(size, mayShrink: true, cancellationToken: Stop));
        Assert.Equal((ImageErrorKind.NotSupported, cannot), (refusal.Kind, refusal.Operation));
        Assert.Equal($"top: the format 'traced' cannot {cannot} this image.", refusal.Message);
        Assert.Empty(traced.Asked);

        await disk.ResizeAsync((40 * Block) - size, mayShrink: true, cancellationToken: Stop);
        Assert.Equal((40 * Block) - size, disk.LengthBytes);
    }

    /// <summary>The block that the new end lies in is filled to the end that the image has: nobody copies it up while that end moves.</summary>
    [Theory]
    [InlineData(512, 5, true)]
    [InlineData(2560, 5, true)]
    [InlineData(3584, 5, true)]
    [InlineData(512, 4, false)]
    [InlineData(0, 4, false)]
    public async Task Shrinking_HoldsBackTheCopyOfTheLastBlockOnly(int inside, int block, bool isHeld)
    {
        TracedImage traced = new("top", Mega, Block, ExtentKind.Free);
        Task? writing = null;
        bool? wasHeld = null;
        VirtualDisk? disk = null;
        var image = new MaintainedImage(traced, 20 * Block)
        {
            OnResize = () =>
            {
                writing = disk!.WriteAsync(block * Block, new byte[] { 5 }, cancellationToken: Stop).AsTask();
                wasHeld = !writing.IsCompleted;
            },
        };
        using (disk = TestDisks.Compose(image, new TracedImage("base", Mega, Block, ExtentKind.Data, 9)))
        {
            await disk.ResizeAsync((5 * Block) + inside, mayShrink: true, cancellationToken: Stop);
            await writing!;
        }

        Assert.Equal(isHeld, wasHeld);
        Assert.Equal(ExtentKind.Data, traced.KindOf(block * Block));
    }

    [Theory]
    [InlineData(30 * Block, false, 1)]
    [InlineData(10 * Block, false, 1)]
    [InlineData(30 * Block, true, 1)]
    [InlineData((10 * Block) + 1, false, 0)]
    public async Task Filters_AreToldOfAnotherSize_AlsoWhenItFails(long size, bool fails, int told)
    {
        var image = new MaintainedImage(new TracedImage("top", Mega, Block, ExtentKind.Data), 20 * Block)
        {
            OnResize = () => _ = fails ? throw new ImageException(ImageErrorKind.Io, "injected") : 0,
        };
        using VirtualDisk disk = TestDisks.Compose(image);
        var filter = new NotingFilter();
        await disk.AddFilterAsync(filter, Stop);

        Exception? failed = await Record.ExceptionAsync(async () => await disk.ResizeAsync(size, mayShrink: true, cancellationToken: Stop));

        Assert.Equal(fails || told == 0, failed is ImageException);
        Assert.Equal(told, filter.Resizes);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Compacting_AsksOnlyForWhatIsWanted_AndComparesInsideOfTheDiskOnly(bool dropZeroBlocks)
    {
        byte[] same = new byte[Block], different = new byte[Block];
        same.AsSpan().Fill(9);
        same.CopyTo(different, 0);
        different[512] = 1;
        List<bool> equal = [];
        CompactOptions? asked = null;
        var image = new MaintainedImage(new TracedImage("top", Mega, Block, ExtentKind.Data), Ragged)
        {
            OnCompact = async options =>
            {
                asked = options;
                if (options.EqualsBeneath is { } equals)
                {
                    foreach ((int block, byte[] data) in ((int, byte[])[])[(0, same), (0, different), (10, same), (10, different), (11, different)])
                    {
                        equal.Add(await equals(block * Block, data, Stop));
                    }

                    different[511] = 1;
                    equal.Add(await equals(10 * Block, different, Stop));
                }
            },
        };
        using VirtualDisk disk = TestDisks.Compose(image, new TracedImage("base", Mega, Block, ExtentKind.Data, 9));
        using VirtualDisk alone = TestDisks.Compose(image);

        await disk.CompactAsync(new DiskCompactOptions { DropZeroBlocks = dropZeroBlocks, DropBlocksEqualToParent = true }, cancellationToken: Stop);
        Assert.Equal([true, false, true, true, true, false], equal);
        Assert.Equal(dropZeroBlocks, asked!.DropZeroBlocks);

        await alone.CompactAsync(new DiskCompactOptions { DropBlocksEqualToParent = true }, cancellationToken: Stop);
        Assert.Null(asked.EqualsBeneath);
        await disk.CompactAsync(cancellationToken: Stop);
        Assert.Equal((true, null), (asked.DropZeroBlocks, asked.EqualsBeneath));
    }

    [Fact]
    public async Task Compacting_OfABlockRightBehindTheDisk_ComparesNothing()
    {
        bool? isEqual = null;
        var image = new MaintainedImage(new TracedImage("top", Mega, Block, ExtentKind.Data), 10 * Block)
        {
            OnCompact = async options => isEqual = await options.EqualsBeneath!(10 * Block, new byte[Block], Stop),
        };
        TracedImage bottom = new("base", Mega, Block, ExtentKind.Data, 9);
        using VirtualDisk disk = TestDisks.Compose(image, bottom);

        await disk.CompactAsync(new DiskCompactOptions { DropBlocksEqualToParent = true }, cancellationToken: Stop);

        Assert.True(isEqual);
        Assert.Empty(bottom.Asked);
    }

    [Theory]
    [InlineData(ImageOpenFlags.Discard | ImageOpenFlags.HonorSame, ImageOpenFlags.Discard | ImageOpenFlags.HonorSame)]
    [InlineData(ImageOpenFlags.Sequential | ImageOpenFlags.ReadOnly | ImageOpenFlags.Info, ImageOpenFlags.Sequential)]
    public async Task Overlay_IsOpenedAsItsDiskWas_AndHasItsGeometry(ImageOpenFlags flags, ImageOpenFlags expected)
    {
        var backend = new NotingBackend();
        using DiskHost host = HostOf(backend);
        using VirtualDisk disk = host.OpenDisk(_test.Qed("top.qed", Mega), new DiskOpenOptions { Flags = flags, Mode = ConsistencyMode.Unsafe });
        disk.Geometry = new DiskGeometry(10, 20, 30);
        backend.Told.Clear();

        await disk.SnapshotAsync(_test["over.qed"], cancellationToken: Stop);

        Assert.Equal(("over.qed", expected, ConsistencyMode.Unsafe), (backend.Opened[^1].File, backend.Opened[^1].Options.Flags, backend.Opened[^1].Options.Mode));
        Assert.Equal([("over.qed", Beneath.UpTo(Mega))], backend.Told);
        Assert.Equal(new DiskGeometry(10, 20, 30), disk.Geometry);
        Assert.Equal([_test["over.qed"], _test["top.qed"]], disk.Levels.Select(level => level.Path));
        Assert.Equal((4096, Mega, "top.qed"), (disk.Levels[0].BlockBytes, disk.Levels[0].VirtualSizeBytes, disk.Levels[0].ParentName));
    }

    [Fact]
    public async Task OverlayThatCannotBeOpened_IsRemoved_AndTheDiskGoesOn()
    {
        var backend = new NotingBackend();
        using DiskHost host = HostOf(backend);
        using VirtualDisk disk = host.OpenDisk(_test.Qed("top.qed", Mega));
        backend.AfterOpen = _ => throw new ImageException(ImageErrorKind.Io, "injected");

        Assert.Equal("injected", (await Assert.ThrowsAsync<ImageException>(async () => await disk.SnapshotAsync(_test["over.qed"]))).Message);

        Assert.Equal(["top.qed"], _test.Files);
        disk.Write(5, [1]);
        Assert.Equal(1, TestDisks.ReadAll(disk)[5]);
        Assert.Single(disk.Levels);
    }

    [Theory]
    [InlineData(int.MaxValue, ExtentKind.Free)]
    [InlineData(2, ExtentKind.Data)]
    [InlineData(1, ExtentKind.Free)]
    public async Task ParentsName_ThatIsRefused_LeavesToTheParentOnlyWhatTheTopKnowsThatItMay(int failsAt, ExtentKind kind)
    {
        var blocks = new BlockImage("top", Mega, Block);
        var top = new RefusingImage(blocks) { FailsAt = failsAt };
        Level[] levels = [new() { Image = top, Path = _test["top"], FormatId = "blocks" }, new() { Image = TestDisks.Filled("base", Mega, Block, 9), Path = "base", FormatId = "blocks" }];
        var generation = new Generation(levels);
        SyncIo.Complete(VirtualDisk.TellBeneathAsync<SyncIo>(generation, default));
        using var disk = new VirtualDisk(generation, new DiskOpenOptions(), _test.Host, number: -1, NullLogger.Instance);
        byte[] same = new byte[Block];
        same.AsSpan().Fill(9);

        ImageException refusal = await Assert.ThrowsAsync<ImageException>(async () => await disk.SetParentNameAsync("other", new SetParentOptions { Verbatim = true, Format = "raw" }, Stop));
        Assert.Contains(failsAt == 1 ? "told" : "named", refusal.Message, StringComparison.Ordinal);
        disk.Write(Block, same);

        Assert.Equal(kind, blocks.KindOf(Block));
        Assert.Equal(same, TestDisks.ReadAll(disk)[Block..(2 * Block)]);
    }

    private static DiskHost HostOf(NotingBackend backend)
    {
        var options = new DiskHostOptions { LoadDefaultPlugins = false };
        options.Backends.Add(backend);
        options.Backends.Add(new RawBackend());
        return new DiskHost(options);
    }

    /// <summary>Can be resized within the image that holds its blocks, and compacted.</summary>
    private sealed class MaintainedImage(TracedImage inner, long size) : DelegatingImage(inner)
    {
        private long _size = size;

        public Func<CompactOptions, Task>? OnCompact { get; init; }

        public Action? OnResize { get; init; }

        public ImageCapabilities Maintained { get; init; } = ImageCapabilities.Grow | ImageCapabilities.Shrink | ImageCapabilities.Compact;

        public override ImageCapabilities Capabilities => base.Capabilities | Maintained;

        public override long VirtualSizeBytes => _size;

        public override ValueTask ResizeAsync(long virtualSizeBytes, bool mayShrink, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default)
        {
            inner.Asked.Add($"resize {virtualSizeBytes}{(mayShrink ? " or less" : "")}");
            OnResize?.Invoke();
            _size = virtualSizeBytes;
            return default;
        }

        public override async ValueTask CompactAsync(CompactOptions options, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default) => await OnCompact!(options);
    }

    private sealed class NotingFilter : DiskFilter
    {
        public int Resizes { get; private set; }

        protected override void OnResized() => Resizes++;
    }

    /// <summary>Stores no name, and may hear no more of what lies beneath it.</summary>
    private sealed class RefusingImage(BlockImage inner) : DelegatingImage(inner)
    {
        private int _told;

        /// <summary>Which time of being told fails, from 0.</summary>
        public int FailsAt { get; init; }

        public override ImageCapabilities Capabilities => base.Capabilities | ImageCapabilities.SetParent;

        public override ValueTask SetParentAsync(ParentReference? parent, CancellationToken cancellationToken = default) => throw new ImageException(ImageErrorKind.OutOfSpace, "not named");

        protected override ValueTask SetBeneathCore<TIo>(Beneath beneath, CancellationToken cancellationToken) =>
            _told++ == FailsAt ? throw new ImageException(ImageErrorKind.Io, "not told") : base.SetBeneathCore<TIo>(beneath, cancellationToken);
    }
}
