namespace QedVd.Host.Tests.Chains;

/// <summary>For which chains levels are remembered, in which units, and how far an answer reaches.</summary>
public sealed class OwnerMemoUnitsTests
{
    private const int Mega = 1 << 20;
    private const int All = 256 * Mega;

    [Theory]
    [InlineData(1, false, -1)]
    [InlineData(3, false, -1)]
    [InlineData(4, false, 1)]
    [InlineData(2, true, -1)]
    [InlineData(3, true, 0)]
    [InlineData(MemoTable.MaxLevel, false, 1)]
    [InlineData(MemoTable.MaxLevel + 1, false, -1)]
    public void Chain_IsRemembered_WhereThreeLevelsAreOnlyRead_AndTheirNumbersFit(int levels, bool isTopReadOnly, int first)
    {
        OwnerMemo? memo = MemoOf([new SparseImage(Mega) { OpenedWith = isTopReadOnly ? ImageOpenFlags.ReadOnly : ImageOpenFlags.None }, .. Enumerable.Range(1, levels - 1).Select(_ => new SparseImage(Mega))]);

        Assert.Equal(first, memo?.FirstLevel ?? -1);
    }

    [Fact]
    public void LevelsFromOneOnThatOthersMayWrite_AreNotRemembered()
    {
        SparseImage[] images = [.. Enumerable.Range(0, 6).Select(i => new SparseImage(Mega) { OpenedWith = i == 4 ? ImageOpenFlags.Shareable : ImageOpenFlags.None })];

        Assert.Equal((4, 1000), Find(MemoOf(images)!, 0, 1000));
        Assert.Null(MemoOf(images[1..]));
        Assert.Equal((4, 1000), Find(MemoOf([.. Enumerable.Range(0, 6).Select(_ => new SparseImage(Mega))], mutable: 4)!, 0, 1000));
        Assert.Null(MemoOf([.. Enumerable.Range(0, 6).Select(_ => new SparseImage(Mega))], mutable: 3));
    }

    [Theory]
    [InlineData(512, 512, 4096)]
    [InlineData(65536, 4096, 4096)]
    [InlineData(16384, 65536, 16384)]
    [InlineData(65536, 65536, 65536)]
    [InlineData(1, 65536, 65536)]
    [InlineData(1, 1, Mega)]
    [InlineData(4 * Mega, 4 * Mega, Mega)]
    public void Answer_ReachesToTheUnitInWhichALevelHoldsSomething_AndAUnitIsTheSmallestBlock(int block, int otherBlock, int unit)
    {
        const int At = (3 * Mega) + 70_600;
        OwnerMemo memo = MemoOf(
            [new SparseImage(All) { BlockBytes = 512 }, new SparseImage(All) { BlockBytes = block }, new SparseImage(All, (At, At + 10)) { BlockBytes = otherBlock }, new SparseImage(All) { BlockBytes = block }])!;
        int start = At - (At % unit);

        for (int again = 0; again < 2; again++)
        {
            Assert.Equal((4, start - 1000), Find(memo, 1000, 8 * Mega));
            Assert.Equal((2, unit - 100), Find(memo, start + 100, 8 * Mega));
            Assert.Equal((4, 8 * Mega), Find(memo, start + unit, 8 * Mega));
            Assert.Equal((4, 10), Find(memo, start - 10, 11));
            Assert.Equal((2, 5), Find(memo, start, 5));
        }
    }

    [Fact]
    public void LevelThatHoldsNothingAtTheStart_IsNotPassedOver_WhereItHoldsSomethingFarBehind()
    {
        OwnerMemo memo = MemoOf([new SparseImage(All), new SparseImage(All, (100 * Mega, 101 * Mega)), new SparseImage(All, (200 * Mega, 201 * Mega)), new SparseImage(All, (0, All))])!;

        Assert.Equal((3, 4096), Find(memo, 5 * Mega, 4096));
        Assert.Equal((1, 4096), Find(memo, 100 * Mega, 4096));
        Assert.Equal((2, 4096), Find(memo, 200 * Mega, 4096));
        Assert.Equal((3, 4096), Find(memo, 150 * Mega, 4096));
    }

    [Fact]
    public void WhatWasFoundOnce_IsNotAskedAgain()
    {
        SparseImage[] images = [new SparseImage(All), new SparseImage(All, (9 * Mega, 10 * Mega)), new SparseImage(All), new SparseImage(All)];
        OwnerMemo memo = MemoOf(images)!;
        Assert.Equal((4, 4096), Find(memo, 5 * Mega, 4096));
        int asked = images.Sum(image => image.Asked);

        Assert.Equal((4, 100), Find(memo, (5 * Mega) + 7, 100));

        Assert.Equal(asked, images.Sum(image => image.Asked));
        Assert.Equal(0, images[0].Asked);
    }

    [Fact]
    public void TopThatIsOnlyRead_IsRememberedAsTheOthersAre()
    {
        SparseImage[] images = [new SparseImage(All, (9 * Mega, 10 * Mega)) { OpenedWith = ImageOpenFlags.ReadOnly }, new SparseImage(All), new SparseImage(All)];
        OwnerMemo memo = MemoOf(images)!;
        Assert.Equal((3, 7 * Mega), Find(memo, 2 * Mega, 8 * Mega));
        Assert.Equal((0, Mega - 100), Find(memo, (9 * Mega) + 100, 8 * Mega));
        int asked = images.Sum(image => image.Asked);

        Assert.Equal((0, Mega - 200), Find(memo, (9 * Mega) + 200, 8 * Mega));
        Assert.Equal(asked, images.Sum(image => image.Asked));

        // Another unit of the region: the region itself is not asked about again.
        Assert.Equal((3, 100), Find(memo, 60 * Mega, 100));
        Assert.Equal(asked + 3, images.Sum(image => image.Asked));
    }

    [Fact]
    public void LastUnit_EndsWithTheDisk_AndALevelThatEndsBeforeHidesTheOnesBeneath()
    {
        const int Length = (2 * 65536) + 32768;
        OwnerMemo memo = MemoOf([new SparseImage(Length), new SparseImage(Length, (0, 10)), new SparseImage(All), new SparseImage(Length)])!;
        OwnerMemo shorter = MemoOf([new SparseImage(Length), new SparseImage(Length, (0, 10)), new SparseImage(Length - 1), new SparseImage(Length)])!;

        Assert.Equal((4, 32000), Find(memo, Length - 32000, 32000));
        Assert.Equal((2, 32000), Find(shorter, Length - 32000, 32000));
    }

    [Fact]
    public void TableThatIsNotInMemory_LeavesTheWalkToStartAtTheTop_UntilItIs()
    {
        SparseImage[] images = [.. Enumerable.Range(0, 4).Select(_ => new SparseImage(Mega) { IsInMemory = false })];
        OwnerMemo memo = MemoOf(images)!;

        Assert.Equal((1, 12345), Find(memo, 100, 12345));
        Array.ForEach(images, image => image.IsInMemory = true);
        Assert.Equal((4, 12345), Find(memo, 100, 12345));
    }

    [Theory]
    [InlineData(65536)]
    [InlineData(1024)]
    public void RunThatIsLongerThanAsked_IsTheBackendsFault(int firstRun)
    {
        OwnerMemo memo = MemoOf([new SparseImage(65536), new SparseImage(65536) { FirstRun = firstRun }, new SparseImage(65536), new SparseImage(65536)])!;

        Assert.Equal(ImageErrorKind.BackendFault, Assert.Throws<ImageException>(() => Find(memo, 0, 1)).Kind);
    }

    private static (int Level, int Run) Find(OwnerMemo memo, long offset, int run)
    {
        int level = memo.FindStart(offset, ref run);
        return (level, run);
    }

    private static OwnerMemo? MemoOf(SparseImage[] images, int mutable = -1) => OwnerMemo.TryCreate(
        [.. images.Select((image, i) => new Level { Image = image, Path = image.Name, FormatId = "sparse", IsMutable = i == mutable })], images, [.. images.Select(image => image.VirtualSizeBytes)]);

    /// <summary>Holds data in these ranges only; counts what it is asked. May answer more than asked: at once, or behind a first run.</summary>
    private sealed class SparseImage(long length, params (long Start, long End)[] data) : DelegatingImage(new BlockImage("sparse", length, 65536))
    {
        public int BlockBytes { get; init; } = 65536;

        public ImageOpenFlags OpenedWith { get; init; }

        public bool IsInMemory { get; set; } = true;

        public int? FirstRun { get; init; }

        public int Asked { get; private set; }

        public override ImageLimits Limits => new(1, BlockBytes, BlockBytes);

        public override ImageOpenFlags OpenFlags => OpenedWith;

        public override bool TryMap(long offset, long lengthBytes, out Extent extent)
        {
            Asked++;
            if (FirstRun is { } first)
            {
                extent = new Extent(ExtentKind.Free, offset == 0 && first < lengthBytes ? first : lengthBytes + 1);
                return true;
            }

            (long start, long end) = data.FirstOrDefault(range => range.End > offset, (Start: long.MaxValue, End: long.MaxValue));
            bool isData = start <= offset;
            extent = new Extent(isData ? ExtentKind.Data : ExtentKind.Free, Math.Min(lengthBytes, (isData ? end : start) - offset));
            return IsInMemory;
        }
    }
}
