using QedVd.Host.Tests.Filters;

namespace QedVd.Host.Tests.Chains;

/// <summary>Which ranges can be zeroed fast, kind by kind of what a format says that it zeroes fast.</summary>
public sealed class FastZeroKindsTests
{
    private const int Block = 4096;
    private const int Size = (4 * Block) + 512;
    private const FastZeroKinds Whole = FastZeroKinds.DataBlocks | FastZeroKinds.FreeBlocks;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(Whole, ExtentKind.Data, 0, 2 * Block, true)]
    [InlineData(Whole, ExtentKind.Data, Block, Block, true)]
    [InlineData(Whole, ExtentKind.Data, 3 * Block, Block + 512, true)]
    [InlineData(Whole, ExtentKind.Data, 3 * Block, Block + 511, false)]
    [InlineData(Whole, ExtentKind.Data, 0, (2 * Block) - 1, false)]
    [InlineData(Whole, ExtentKind.Data, 1, (2 * Block) - 1, false)]
    [InlineData(Whole, ExtentKind.Data, 5, 0, true)]
    [InlineData(Whole | FastZeroKinds.PartsOfData, ExtentKind.Data, 1, 10, true)]
    [InlineData(FastZeroKinds.PartsOfData, ExtentKind.Data, 1, 10, true)]
    [InlineData(FastZeroKinds.PartsOfData, ExtentKind.Data, 0, Block, false)]
    [InlineData(FastZeroKinds.DataBlocks, ExtentKind.Data, 0, Block, true)]
    [InlineData(FastZeroKinds.FreeBlocks, ExtentKind.Data, 0, Block, false)]
    [InlineData(FastZeroKinds.FreeBlocks, ExtentKind.Free, 0, 2 * Block, true)]
    [InlineData(FastZeroKinds.FreeBlocks, ExtentKind.Free, 100, 10, true)]
    [InlineData(FastZeroKinds.DataBlocks | FastZeroKinds.PartsOfData, ExtentKind.Free, 100, 10, false)]
    [InlineData(FastZeroKinds.None, ExtentKind.Free, 0, Block, false)]
    [InlineData(FastZeroKinds.None, ExtentKind.Zero, 100, 10, true)]
    [InlineData(FastZeroKinds.None, ExtentKind.Zero, 0, Block, true)]
    [InlineData(FastZeroKinds.None, ExtentKind.Zero, 100, 3 * Block, true)]
    public async Task RangeOverNothing(FastZeroKinds fast, ExtentKind kind, int offset, int length, bool isFast)
    {
        TracedImage top = new("top", Size, Block, kind) { Fast = fast };
        using VirtualDisk disk = TestDisks.Compose(top);

        Assert.Equal(isFast, disk.CanZeroFast(offset, length));
        Assert.Equal(isFast, await disk.CanZeroFastAsync(offset, length, Stop));
        Assert.Empty(top.Asked);
    }

    [Theory]
    [InlineData(512, 512, 512, 512, true)]
    [InlineData(512, 512, 0, Block, true)]
    [InlineData(0, 512, 512, Block - 512, true)]
    [InlineData(Block - 512, 512, 0, Block - 512, true)]
    [InlineData(512, 512, 0, 512, false)]
    [InlineData(512, 512, 1024, Block - 1024, false)]
    [InlineData(512, 512, 0, 0, false)]
    [InlineData(Block, 512, 0, Block, false)]
    [InlineData(0, 3 * Block, 0, 0, true)]
    [InlineData(0, Block + 512, Block + 512, Block - 512, true)]
    public async Task PartOfAFreeBlock_OverAParentThatReadsZeroSomewhere(int offset, int length, int zeroOffset, int zeroLength, bool isFast)
    {
        TracedImage top = new("top", Size, Block, ExtentKind.Free) { Fast = Whole };
        TracedImage bottom = new("base", 2 * Size, 512, ExtentKind.Data, 9);
        if (zeroLength > 0)
        {
            bottom.Set(zeroOffset, zeroLength, ExtentKind.Zero);
        }

        using VirtualDisk disk = TestDisks.Compose(top, bottom);

        Assert.Equal(isFast, disk.CanZeroFast(offset, length));
        Assert.Equal(isFast, await disk.CanZeroFastAsync(offset, length, Stop));
        Assert.Empty(top.Asked);
        Assert.Empty(bottom.Asked);
    }

    [Theory]
    [InlineData(false, false, true)]
    [InlineData(true, false, false)]
    [InlineData(false, true, false)]
    public void DiskThatIsOnlyRead_ZeroesNothing(bool isDiskReadOnly, bool isTopReadOnly, bool isFast)
    {
        var top = new FlaggedImage(new TracedImage("top", Size, Block, ExtentKind.Data), isTopReadOnly ? ImageOpenFlags.ReadOnly : ImageOpenFlags.None);
        using VirtualDisk disk = TestDisks.Compose(new DiskOpenOptions { ReadOnly = isDiskReadOnly }, top);

        Assert.Equal(isFast, disk.CanZeroFast(0, Block));
    }

    [Fact]
    public async Task Filter_ThatKeepsZeroes_LeavesWhatIsFast_InItsUnits()
    {
        using VirtualDisk disk = TestDisks.Compose(new TracedImage("top", Size, Block, ExtentKind.Data) { Fast = Whole | FastZeroKinds.PartsOfData });
        await disk.AddFilterAsync(new XorFilter(3, 512, keepsZeroes: true), Stop);

        Assert.True(disk.CanZeroFast(0, Block));
        Assert.True(disk.CanZeroFast(512, Block));
        Assert.False(disk.CanZeroFast(1, Block));
    }

    private sealed class FlaggedImage(IDiskImage inner, ImageOpenFlags flags) : DelegatingImage(inner)
    {
        public override ImageOpenFlags OpenFlags => flags;

        public override FastZeroKinds FastZeroes => Whole;
    }
}
