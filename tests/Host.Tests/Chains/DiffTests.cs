using QedVd.TestKit;

namespace QedVd.Host.Tests.Chains;

/// <summary>Where a diff says nothing, the disk reads as the base does; where it says something, a level above the base decides.</summary>
public sealed class DiffTests
{
    private const int Block = 512;

    [Fact]
    public async Task Diff_OfRandomChains_LeavesOutOnlyWhatTheBaseDecides()
    {
        long seed = LongRun.Seed();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        Random random = new((int)seed);
        for (int round = 0; round < 60; round++)
        {
            IDiskImage[] levels = [.. Enumerable.Range(0, random.Next(2, 7)).Select(i => MakeLevel(i, random))];
            int depth = random.Next(1, levels.Length);
            using VirtualDisk disk = TestDisks.Compose(levels);
            using VirtualDisk below = TestDisks.Compose(levels[depth..]);
            byte[] top = TestDisks.ReadAll(disk);
            byte[] expected = new byte[top.Length];
            TestDisks.ReadAll(below).AsSpan(0, (int)Math.Min(top.Length, below.LengthBytes)).CopyTo(expected);

            long end = 0;
            await foreach (DiskExtent extent in disk.DiffAsync(depth, TestContext.Current.CancellationToken))
            {
                Assert.True(extent.OffsetBytes >= end && extent.LengthBytes > 0, $"{extent} after {end}");
                end = extent.EndBytes;
                Assert.True(extent.Depth < depth && extent.Kind is ExtentKind.Data or ExtentKind.Zero, $"{extent}");
                Assert.Equal(levels[extent.Depth].Name, extent.Path);
                Span<byte> piece = top.AsSpan((int)extent.OffsetBytes, (int)extent.LengthBytes);
                Assert.True(extent.Kind == ExtentKind.Data ? piece.IndexOfAnyExcept((byte)(extent.Depth + 1), (byte)0) < 0 : piece.IndexOfAnyExcept((byte)0) < 0, $"{extent}");
                piece.CopyTo(expected.AsSpan((int)extent.OffsetBytes));
            }

            Assert.Equal(expected, top);
        }
    }

    [Fact]
    public async Task Diff_OfADiskThatGetsAnotherLevelMeanwhile_Ends_BecauseDepthsMeanSomethingElse()
    {
        const int Runs = 5000;
        var top = new BlockImage("top", 2 * Runs * Block, Block);
        using VirtualDisk disk = TestDisks.Compose(top, new BlockImage("base", 2 * Runs * Block, Block));
        for (int i = 0; i < Runs; i++)
        {
            disk.Write(2L * i * Block, [1]);
        }

        int seen = 0;
        ImageException ended = await Assert.ThrowsAsync<ImageException>(async () =>
        {
            await foreach (DiskExtent extent in disk.DiffAsync(1, TestContext.Current.CancellationToken))
            {
                Assert.Equal(0, extent.Depth);
                if (seen++ == 0)
                {
                    var over = new Level { Image = new BlockImage("over", 2 * Runs * Block, Block), Path = "over", FormatId = "blocks" };
                    await disk.TakeOverlayAsync(over, TestContext.Current.CancellationToken);
                }
            }
        });

        Assert.Equal(ImageErrorKind.InvalidArgument, ended.Kind);
        Assert.InRange(seen, 1, Runs - 1);
    }

    [Fact]
    public async Task Diff_ToTheBottom_IsAllThatAnyLevelHolds()
    {
        using VirtualDisk disk = TestDisks.Compose(new BlockImage("top", 8 * Block, Block), TestDisks.Filled("base", 4 * Block, Block, 7));

        List<DiskExtent> all = await disk.DiffAsync(2, TestContext.Current.CancellationToken).ToListAsync(TestContext.Current.CancellationToken);

        Assert.Equal((0, 4 * Block, 1), (all.Single().OffsetBytes, all.Single().LengthBytes, all.Single().Depth));
        Assert.Empty(await disk.DiffAsync(1, TestContext.Current.CancellationToken).ToListAsync(TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData(3, 6, 2, 2, 8, 2, 1)]
    [InlineData(2)]
    [InlineData(1)]
    public async Task Diff_NamesTheLevelWhoseEndHidesTheBase_AsFarAsTheBaseReaches(int depth, params int[] expected)
    {
        using VirtualDisk disk = TestDisks.Compose(
            new BlockImage("level0", 12 * Block, Block), new BlockImage("level1", 8 * Block, Block), new BlockImage("level2", 6 * Block, Block), TestDisks.Filled("level3", 10 * Block, Block, 7));

        List<DiskExtent> runs = await disk.DiffAsync(depth, TestContext.Current.CancellationToken).Take(5).ToListAsync(TestContext.Current.CancellationToken);

        Assert.Equal(expected, runs.SelectMany(run => (int[])[(int)run.OffsetBytes / Block, (int)run.LengthBytes / Block, run.Depth]));
        Assert.All(runs, run => Assert.Equal((ExtentKind.Zero, $"level{run.Depth}"), (run.Kind, run.Path)));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public async Task Diff_ToALevelThatIsNotThere_IsRefused(int depth)
    {
        using VirtualDisk disk = TestDisks.Compose(new BlockImage("a", Block, Block));

        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await disk.DiffAsync(depth).ToListAsync(TestContext.Current.CancellationToken));
    }

    private static BlockImage MakeLevel(int depth, Random random)
    {
        BlockImage image = new($"level{depth}", random.Next(1, 200) * Block, Block);
        VirtualDisk alone = TestDisks.Compose(image);
        for (int i = random.Next(20); i > 0; i--)
        {
            long at = random.NextInt64(image.VirtualSizeBytes / Block) * Block;
            byte[] bytes = new byte[Math.Min(image.VirtualSizeBytes - at, random.Next(1, 9) * Block)];
            if (random.Next(3) == 0)
            {
                alone.WriteZeroes(at, bytes.Length);
            }
            else
            {
                bytes.AsSpan().Fill((byte)(depth + 1));
                alone.Write(at, bytes);
            }
        }

        GC.SuppressFinalize(alone);
        return image;
    }
}
