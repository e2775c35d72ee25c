namespace QedVd.Host.Tests.Chains;

public sealed class ReadThroughTests
{
    private const int Block = 4096;

    [Fact]
    public void Read_FreeInAllLevels_ReturnsZeros()
    {
        using VirtualDisk disk = TestDisks.Compose(new BlockImage("top", 4 * Block, Block), new BlockImage("base", 4 * Block, Block));

        Assert.Equal(new byte[4 * Block], TestDisks.ReadAll(disk));
    }

    [Fact]
    public void Read_PastParentEnd_ReturnsZeros()
    {
        using VirtualDisk disk = TestDisks.Compose(new BlockImage("top", 4 * Block, Block), TestDisks.Filled("base", 1000, 512, 7));

        byte[] bytes = TestDisks.ReadAll(disk);
        Assert.Equal(1000, bytes.AsSpan().IndexOfAnyExcept((byte)7));
        Assert.Equal(-1, bytes.AsSpan(1000).IndexOfAnyExcept((byte)0));
    }

    [Fact]
    public void Read_LongerParent_ShowsNoExcess()
    {
        using VirtualDisk disk = TestDisks.Compose(new BlockImage("top", 1000, 512), TestDisks.Filled("base", 4 * Block, Block, 7));

        Assert.Equal(1000, disk.LengthBytes);
        Assert.Equal(-1, TestDisks.ReadAll(disk).AsSpan().IndexOfAnyExcept((byte)7));
        Assert.Throws<ArgumentOutOfRangeException>(() => disk.Read(999, new byte[2]));
    }

    [Fact]
    public void Read_ShorterMiddleLevel_HidesWhatLiesBeneathItsEnd()
    {
        using VirtualDisk disk = TestDisks.Compose(
            new BlockImage("top", 4 * Block, Block), new BlockImage("middle", Block, Block), TestDisks.Filled("base", 4 * Block, Block, 9));

        byte[] bytes = TestDisks.ReadAll(disk);
        Assert.Equal(Block, bytes.AsSpan().IndexOfAnyExcept((byte)9));
        Assert.Equal(-1, bytes.AsSpan(Block).IndexOfAnyExcept((byte)0));
    }

    [Fact]
    public void Read_ZeroInUpperLevel_HidesLowerData()
    {
        BlockImage middle = new("middle", 4 * Block, Block);
        using VirtualDisk disk = TestDisks.Compose(middle, TestDisks.Filled("base", 4 * Block, Block, 9));
        disk.WriteZeroes(Block, Block);

        Assert.Equal(ExtentKind.Zero, middle.KindOf(Block));
        Assert.Equal(-1, TestDisks.ReadAll(disk).AsSpan(Block, Block).IndexOfAnyExcept((byte)0));
        Assert.Equal(new DiskExtent { OffsetBytes = Block, LengthBytes = Block, Kind = ExtentKind.Zero, Depth = 0, StorageOffset = -1, Path = "middle", IsAllocated = false }, disk.Map(Block, 3 * Block));
    }

    [Fact]
    public void Read_OutsideTheDisk_IsRefused()
    {
        using VirtualDisk disk = TestDisks.Compose(new BlockImage("top", 4 * Block, Block));

        Assert.Throws<ArgumentOutOfRangeException>(() => disk.Read(-1, new byte[1]));
        Assert.Throws<ArgumentOutOfRangeException>(() => disk.Read((4 * Block) - 1, new byte[2]));
        Assert.Throws<ArgumentOutOfRangeException>(() => disk.Write(4 * Block, new byte[1]));
        Assert.Throws<ArgumentOutOfRangeException>(() => disk.WriteZeroes(1, long.MaxValue));
        disk.Read(4 * Block, Span<byte>.Empty);
    }

    [Fact]
    public async Task Read_OutsideTheDisk_IsRefusedInEveryForm_AndSoIsNoList()
    {
        using VirtualDisk disk = TestDisks.Compose(new BlockImage("top", 4 * Block, Block));
        CancellationToken stop = TestContext.Current.CancellationToken;
        Memory<byte>[] list = [new byte[1], new byte[1]];

        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await disk.ReadAsync((4 * Block) - 1, new byte[2], stop));
        Assert.Throws<ArgumentOutOfRangeException>(() => disk.Read((4 * Block) - 1, list));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await disk.ReadAsync((4 * Block) - 1, list, stop));
        Assert.Throws<ArgumentNullException>(() => disk.Read(0, (IReadOnlyList<Memory<byte>>)null!));
        await Assert.ThrowsAsync<ArgumentNullException>(async () => await disk.ReadAsync(0, (IReadOnlyList<Memory<byte>>)null!, stop));
    }

    [Fact]
    public void Map_OfNothing_OrOutsideTheDisk_IsRefused()
    {
        using VirtualDisk disk = TestDisks.Compose(new BlockImage("top", 4 * Block, Block));

        Assert.Throws<ArgumentOutOfRangeException>(() => disk.Map(0, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => disk.Map(4 * Block, 1));
    }

    [Fact]
    public void Read_AnswerThatBreaksTheContract_IsAnError()
    {
        using VirtualDisk disk = TestDisks.Compose(new LyingImage());

        Assert.Equal(ImageErrorKind.BackendFault, Assert.Throws<ImageException>(() => disk.Read(0, new byte[10])).Kind);
    }

    [Fact]
    public async Task MapAll_MergesNeighbours_AndNamesTheLevel()
    {
        BlockImage top = new("top", 8 * Block, Block) { ShortAnswers = 4 };
        using VirtualDisk disk = TestDisks.Compose(top, TestDisks.Filled("base", 4 * Block, Block, 9));
        disk.Write(Block, new byte[Block]);

        List<DiskExtent> extents = await disk.MapAllAsync(0, disk.LengthBytes).ToListAsync();

        Assert.Equal([(0L, ExtentKind.Data, 1), (Block, ExtentKind.Data, 0), (2 * Block, ExtentKind.Data, 1), (4 * Block, ExtentKind.Free, 2)],
            extents.Select(extent => (extent.OffsetBytes, extent.Kind, extent.Depth)));
        Assert.Equal(disk.LengthBytes, extents.Sum(extent => extent.LengthBytes));
        Assert.Null(extents[^1].Path);
    }

    [Fact]
    public void Composition_TellsEveryLevelWhatLiesBeneath()
    {
        BlockImage top = new("top", 4 * Block, Block);
        BlockImage middle = new("middle", Block, Block);
        BlockImage bottom = new("base", 2 * Block, Block);
        using VirtualDisk disk = TestDisks.Compose(top, middle, bottom);

        Assert.Equal(Beneath.UpTo(2 * Block), top.ToldBeneath);
        Assert.Equal(Beneath.UpTo(2 * Block), middle.ToldBeneath);
        Assert.Equal(Beneath.Nothing, bottom.ToldBeneath);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ScatterGather_ReadsAndWritesOneRun(bool isAsync)
    {
        using VirtualDisk disk = TestDisks.Compose(new BlockImage("top", 4 * Block, Block) { Waits = 4 }, TestDisks.Filled("base", 4 * Block, Block, 9));
        byte[] a = [1, 2, 3];
        byte[] b = [];
        byte[] c = [4, 5];
        ReadOnlyMemory<byte>[] written = [a, b, c];
        byte[] d = new byte[4];
        byte[] e = new byte[3];
        Memory<byte>[] read = [d, e];

        if (isAsync)
        {
            await disk.WriteAsync(Block - 2, written, cancellationToken: TestContext.Current.CancellationToken);
            await disk.ReadAsync(Block - 3, read, TestContext.Current.CancellationToken);
        }
        else
        {
            disk.Write(Block - 2, written);
            disk.Read(Block - 3, read);
        }

        Assert.Equal<byte>([9, 1, 2, 3], d);
        Assert.Equal<byte>([4, 5, 9], e);
    }

    private sealed class LyingImage() : DelegatingImage(new BlockImage("liar", 4096, 4096))
    {
        public override ReadResult Read(long offset, Span<byte> buffer) => new(ExtentKind.Data, buffer.Length + 1);
    }
}
