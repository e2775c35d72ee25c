using QedVd.Host.Tests.Chains;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>What some levels read together, also where they end, and where there are none.</summary>
public sealed class ChainViewTests
{
    private const int Block = 512;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task NoLevels_ReadAsZeros_AndHoldNothing()
    {
        var view = new ChainView([]);
        byte[] buffer = [1, 2, 3];
        await view.ReadAsync(0, buffer, Stop);
        Assert.Equal([0, 0, 0], buffer);
        Assert.Null(view.Walk(0, Block));
        Assert.Null(view.LevelOf(new DiskExtent { OffsetBytes = 0, LengthBytes = Block, Kind = ExtentKind.Data, Depth = 0, StorageOffset = 0, Path = null, IsAllocated = true }));
    }

    [Theory]
    [InlineData(0, 4 * Block)]
    [InlineData(2 * Block, Block)]
    [InlineData((2 * Block) + 7, Block)]
    [InlineData((3 * Block) - 1, 3)]
    [InlineData(3 * Block, 10)]
    [InlineData((3 * Block) + 5, 10)]
    [InlineData(1L << 40, 10)]
    [InlineData(0, 0)]
    public async Task BehindTheUppermostLevel_ZerosAreRead_WhateverLiesBeneath(long offset, int length)
    {
        Level upper = Of(TestDisks.Filled("upper", 3 * Block, Block, 7));
        Level lower = Of(TestDisks.Filled("lower", 8 * Block, Block, 9));
        byte[] buffer = new byte[length];
        buffer.AsSpan().Fill(1);

        await new ChainView([upper, lower]).ReadAsync(offset, buffer, Stop);

        Assert.Equal(Enumerable.Range(0, length).Select(i => (byte)(offset + i < 3 * Block ? 7 : 0)), buffer);
    }

    [Fact]
    public async Task ARun_ComesFromTheLevelThatHoldsIt_OrFromNone()
    {
        Level[] levels = [Of(new BlockImage("upper", 4 * Block, Block)), Of(TestDisks.Filled("lower", 2 * Block, Block, 9))];
        var view = new ChainView(levels);
        var runs = new DiskExtent[8];
        int count = await view.Walk(0, 4 * Block)!.FillAsync(runs, Stop);
        Assert.Equal([levels[1], null], runs[..count].Select(run => view.LevelOf(run)));
        Assert.Null(view.LevelOf(runs[0] with { Depth = 2 }));
        Assert.Same(levels[0], view.LevelOf(runs[0] with { Depth = 0 }));
    }

    private static Level Of(BlockImage image) => new() { Image = image, Path = image.Name, FormatId = "blocks" };
}
