namespace QedVd.Host.Tests.Chains;

public sealed class DiskLifeTests
{
    private const int Block = 4096;

    [Fact]
    public void Close_ClosesAllImages_AndThrowsWhatWasLost()
    {
        BlockImage top = new("top", Block, Block) { CloseError = new ImageException(ImageErrorKind.OutOfSpace, "no room") };
        BlockImage bottom = new("base", Block, Block);
        VirtualDisk disk = TestDisks.Compose(top, bottom);

        Assert.Equal(ImageErrorKind.OutOfSpace, Assert.Throws<ImageException>(disk.Close).Kind);
        Assert.True(top.IsClosed && bottom.IsClosed);
        disk.Close();
        disk.Dispose();
    }

    [Fact]
    public async Task Dispose_DoesNotThrow()
    {
        await using VirtualDisk disk = TestDisks.Compose(new BlockImage("top", Block, Block) { CloseError = new ImageException(ImageErrorKind.Io, "gone") });
    }

    [Fact]
    public async Task Close_WhoseBackendThrowsWhatItMayNot_SaysSo_AndDisposeDoesNotThrow()
    {
        VirtualDisk closed = TestDisks.Compose(new BlockImage("top", Block, Block) { CloseError = new InvalidOperationException("oops") });
        Assert.Equal(ImageErrorKind.BackendFault, Assert.Throws<ImageException>(closed.Close).Kind);
        closed.Dispose();
        await using VirtualDisk disposed = TestDisks.Compose(new BlockImage("top", Block, Block) { CloseError = new InvalidOperationException("oops") });
    }

    [Fact]
    public async Task Request_AfterClose_IsRefused()
    {
        VirtualDisk disk = TestDisks.Compose(new BlockImage("top", Block, Block));
        await disk.CloseAsync();

        Assert.Throws<ObjectDisposedException>(() => disk.Read(0, new byte[1]));
        Assert.Throws<ObjectDisposedException>(() => disk.Write(0, [1]));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await disk.FlushAsync(TestContext.Current.CancellationToken));
        Assert.Throws<ObjectDisposedException>(() => disk.Map(0, 1));
    }

    [Fact]
    public async Task Close_WaitsForRequestsUnderWay()
    {
        BlockImage top = new("top", Block, Block);
        VirtualDisk disk = TestDisks.Compose(top);
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var goOn = new ManualResetEventSlim();
        top.OnWrite = _ =>
        {
            reached.TrySetResult();
            goOn.Wait();
        };

        Task write = Task.Run(() => disk.Write(0, [1]), TestContext.Current.CancellationToken);
        await reached.Task;
        Task close = disk.CloseAsync().AsTask();
        Assert.False(close.IsCompleted);
        Assert.False(top.IsClosed);
        goOn.Set();
        await close;
        await write;
        Assert.True(top.IsClosed);
    }

    [Fact]
    public async Task Close_WaitsForAReadThatWaits()
    {
        BlockImage top = new("top", Block, Block);
        var held = new HeldRead(top);
        VirtualDisk disk = TestDisks.Compose(held);
        Task read = disk.ReadAsync(0, new byte[1], TestContext.Current.CancellationToken).AsTask();

        Task close = disk.CloseAsync().AsTask();

        Assert.False(close.IsCompleted);
        Assert.False(top.IsClosed);
        held.GoOn.SetResult();
        await read;
        await close;
        Assert.True(top.IsClosed);
    }

    [Fact]
    public async Task Operation_ThatWaitsForItsTurnBehindAClosing_FindsTheDiskClosed()
    {
        var image = new SlowCompact(new BlockImage("top", Block, Block));
        VirtualDisk disk = TestDisks.Compose(image);
        Task running = disk.CompactAsync(cancellationToken: TestContext.Current.CancellationToken).AsTask();
        await image.Reached.Task;

        Task closing = disk.CloseAsync().AsTask();
        Task waiting = disk.CompactAsync(cancellationToken: TestContext.Current.CancellationToken).AsTask();
        image.GoOn.SetResult();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        await closing;
        await Assert.ThrowsAsync<ObjectDisposedException>(() => waiting);
        Assert.Equal(1, image.Calls);
    }

    [Fact]
    public void Geometry_IsTheStandardTranslation_UntilSet()
    {
        using VirtualDisk disk = TestDisks.Compose(new BlockImage("top", 504L << 20, 1 << 20));
        Assert.Equal(new DiskGeometry(1024, 16, 63), disk.Geometry);

        disk.Geometry = new DiskGeometry(10, 20, 30);
        Assert.Equal(new DiskGeometry(10, 20, 30), disk.Geometry);
    }

    [Theory]
    [InlineData(512, 0, 16)]
    [InlineData(1L << 30, 520, 64)]
    [InlineData(7L << 30, 913, 255)]
    [InlineData(2L << 40, 16383, 16)]
    public void Geometry_OfManySizes_StaysWithinItsLimits(long size, int cylinders, int heads)
    {
        DiskGeometry geometry = DiskFacts.StandardGeometry(size);
        Assert.InRange(geometry.Cylinders, cylinders - 30, cylinders + 30);
        Assert.Equal((heads, 63), (geometry.Heads, geometry.Sectors));
    }

    [Fact]
    public void Levels_AreToldTopFirst()
    {
        using VirtualDisk disk = TestDisks.Compose(new BlockImage("top", Block, Block), new BlockImage("base", 2 * Block, 512));

        Assert.Equal([("top", 0, false), ("base", 1, true)], disk.Levels.Select(level => (level.Path, level.Depth, level.IsReadOnly)));
        DiskLimits limits = disk.Limits;
        Assert.Equal((512, 4096, Math.Max(Block, 4096)), (limits.LogicalBlockBytes, limits.PhysicalBlockBytes, limits.BestIoBytes));
        Assert.Equal((4096, 1L << 30, 1), (limits.DiscardGranularityBytes, limits.MaxDiscardBytes, limits.AlignmentBytes));
    }

    private sealed class HeldRead(IDiskImage inner) : DelegatingImage(inner)
    {
        public TaskCompletionSource GoOn { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        protected override async ValueTask<ReadResult> ReadCore<TIo>(long offset, IoBuffer buffer, CancellationToken cancellationToken)
        {
            await GoOn.Task;
            return await base.ReadCore<TIo>(offset, buffer, cancellationToken);
        }
    }

    private sealed class SlowCompact(IDiskImage inner) : DelegatingImage(inner)
    {
        public TaskCompletionSource Reached { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource GoOn { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public int Calls { get; private set; }

        public override ImageCapabilities Capabilities => base.Capabilities | ImageCapabilities.Compact;

        public override async ValueTask CompactAsync(CompactOptions options, IProgress<OperationProgress>? progress = null, CancellationToken cancellationToken = default)
        {
            Calls++;
            Reached.SetResult();
            await GoOn.Task;
            cancellationToken.ThrowIfCancellationRequested();
        }
    }
}
