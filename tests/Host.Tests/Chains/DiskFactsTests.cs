using QedVd.Host.Tests.Filters;

namespace QedVd.Host.Tests.Chains;

/// <summary>What a disk tells a virtual machine of itself, number by number.</summary>
public sealed class DiskFactsTests
{
    private const ImageCapabilities Discards = ImageCapabilities.Write | ImageCapabilities.Discard;

    [Fact]
    public async Task Limits_AreThoseAboveTheFilters()
    {
        using VirtualDisk disk = TestDisks.Compose(new BlockImage("top", 1 << 20, 4096));
        DiskLimits below = disk.Limits;
        await disk.AddFilterAsync(new XorFilter(1, 16384), TestContext.Current.CancellationToken);
        Assert.Equal(below with { PhysicalBlockBytes = 16384, BestIoBytes = 16384, DiscardGranularityBytes = 0, CanZeroFast = false }, disk.Limits);
        Assert.Equal((4096, 4096), (below.PhysicalBlockBytes, below.BestIoBytes));
    }

    [Theory]
    [InlineData(1, 1, 512, 1, 512, 4096, 4096)]
    [InlineData(1, 512, 512, 1, 512, 4096, 4096)]
    [InlineData(1, 4096, 65536, 1, 512, 4096, 65536)]
    [InlineData(1, 1 << 20, 4096, 1, 512, 4096, 1 << 20)]
    [InlineData(1, 8192, 8192, 1, 512, 4096, 8192)]
    [InlineData(512, 4096, 4096, 1, 512, 4096, 4096)]
    [InlineData(1, 4096, 4096, 4096, 4096, 4096, 4096)]
    [InlineData(8192, 8192, 4096, 512, 8192, 8192, 8192)]
    public void Sizes_FollowTheTopsBlocks_AndTheStrictestAlignmentOfAll(int alignment, int block, int best, int alignmentBeneath, int logical, int physical, int bestOfDisk)
    {
        DiskLimits limits = LimitsOf(new FactsImage { TheLimits = new(alignment, block, best) }, new FactsImage { TheLimits = new(alignmentBeneath, 1 << 22, 1 << 22) });

        Assert.Equal((logical, physical, bestOfDisk), (limits.LogicalBlockBytes, limits.PhysicalBlockBytes, limits.BestIoBytes));
        Assert.Equal(Math.Max(alignment, alignmentBeneath), limits.AlignmentBytes);
        Assert.Equal(1 << 30, limits.MaxDiscardBytes);
    }

    [Theory]
    [InlineData(1, Discards, ImageOpenFlags.None, 512)]
    [InlineData(1024, Discards, ImageOpenFlags.None, 1024)]
    [InlineData(4096, Discards, ImageOpenFlags.None, 4096)]
    [InlineData(65536, Discards, ImageOpenFlags.None, 4096)]
    [InlineData(65536, ImageCapabilities.Write, ImageOpenFlags.None, 0)]
    [InlineData(65536, Discards, ImageOpenFlags.ReadOnly, 0)]
    [InlineData(65536, ImageCapabilities.None, ImageOpenFlags.ReadOnly, 0)]
    public void DiscardGranularity_IsAPartOfABlock_WhereDiscardingDoesSomething(int block, ImageCapabilities capabilities, ImageOpenFlags flags, int granularity) =>
        Assert.Equal(granularity, LimitsOf(new FactsImage { TheLimits = new(1, block, block), TheCapabilities = capabilities, TheFlags = flags }).DiscardGranularityBytes);

    [Theory]
    [InlineData(1, FastZeroKinds.DataBlocks, ImageOpenFlags.None, true)]
    [InlineData(1, FastZeroKinds.FreeBlocks, ImageOpenFlags.None, false)]
    [InlineData(4096, FastZeroKinds.DataBlocks, ImageOpenFlags.None, false)]
    [InlineData(4096, FastZeroKinds.FreeBlocks | FastZeroKinds.PartsOfData, ImageOpenFlags.None, false)]
    [InlineData(4096, FastZeroKinds.DataBlocks | FastZeroKinds.FreeBlocks, ImageOpenFlags.None, true)]
    [InlineData(4096, FastZeroKinds.DataBlocks | FastZeroKinds.FreeBlocks, ImageOpenFlags.ReadOnly, false)]
    public void WholeBlocks_AreZeroedFast_WhereAllKindsOfThemAre(int block, FastZeroKinds kinds, ImageOpenFlags flags, bool isFast) =>
        Assert.Equal(isFast, LimitsOf(new FactsImage { TheLimits = new(1, block, block), TheFastZeroes = kinds, TheFlags = flags }).CanZeroFast);

    [Theory]
    [InlineData(0, 0, 16)]
    [InlineData(1007, 0, 16)]
    [InlineData(1008, 1, 16)]
    [InlineData(1024 * 16 * 63, 1024, 16)]
    [InlineData((1024 * 16 * 63) + 1, 512, 32)]
    [InlineData((1025 * 32 * 63) - 1, 1024, 32)]
    [InlineData(1025 * 32 * 63, 512, 64)]
    [InlineData((1025 * 64 * 63) - 1, 1024, 64)]
    [InlineData(1025 * 64 * 63, 512, 128)]
    [InlineData((1025 * 128 * 63) - 1, 1024, 128)]
    [InlineData(1025 * 128 * 63, 514, 255)]
    [InlineData((1025 * 255 * 63) - 1, 1024, 255)]
    [InlineData(1025 * 255 * 63, 16383, 16)]
    [InlineData(long.MaxValue / 512, 16383, 16)]
    public void Geometry_TakesMoreHeads_WhereMoreThan1024CylindersWouldBeNeeded(long sectors, int cylinders, int heads)
    {
        Assert.Equal(new DiskGeometry(cylinders, heads, 63), DiskFacts.StandardGeometry(sectors * 512));
        Assert.Equal(new DiskGeometry(cylinders, heads, 63), DiskFacts.StandardGeometry((sectors * 512) + 511));
    }

    private static DiskLimits LimitsOf(params FactsImage[] images) =>
        DiskFacts.LimitsOf(new Generation([.. images.Select(image => new Level { Image = image, Path = image.Name, FormatId = "facts" })]));

    private sealed class FactsImage() : DelegatingImage(new BlockImage("facts", 1 << 20, 4096))
    {
        public ImageLimits TheLimits { get; init; } = new(1, 4096, 4096);

        public ImageCapabilities TheCapabilities { get; init; } = Discards;

        public ImageOpenFlags TheFlags { get; init; }

        public FastZeroKinds TheFastZeroes { get; init; }

        public override ImageLimits Limits => TheLimits;

        public override ImageCapabilities Capabilities => TheCapabilities;

        public override ImageOpenFlags OpenFlags => TheFlags;

        public override FastZeroKinds FastZeroes => TheFastZeroes;
    }
}
