using QedVd.Host.Tests.Filters;
using QedVd.TestKit;

namespace QedVd.Host.Tests.Chains;

/// <summary>A map of a whole disk says what one question after the other says, however many runs a level answers at a time.</summary>
public sealed class MapAllTests
{
    private const int Block = 512;

    [Fact]
    public async Task MapAll_OfARandomChain_IsWhatMapSaysRunByRun()
    {
        long seed = LongRun.Seed();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        Random random = new((int)seed);
        for (int round = 0; round < 60; round++)
        {
            IDiskImage[] levels = [.. Enumerable.Range(0, random.Next(1, 5)).Select(i => MakeLevel($"level{i}", random))];
            using VirtualDisk disk = TestDisks.Compose(levels);
            long start = random.NextInt64(disk.LengthBytes);
            long length = random.NextInt64(1, disk.LengthBytes - start + 1);

            List<DiskExtent> expected = await OneByOneAsync(disk, start, length);
            Assert.Equal(expected, await disk.MapAllAsync(start, length).ToListAsync(TestContext.Current.CancellationToken));

            List<DiskExtent> batched = [];
            await foreach (ReadOnlyMemory<DiskExtent> batch in disk.MapBatchesAsync(start, length, TestContext.Current.CancellationToken))
            {
                Assert.NotEqual(0, batch.Length);
                batched.AddRange(batch.Span);
            }

            Assert.Equal(expected, batched);
        }
    }

    [Fact]
    public async Task MapAll_OfMoreRunsThanABatch_MergesAcrossBatches()
    {
        // Pairs of runs that continue each other, 3000 of them, so that some pair straddles every boundary.
        using VirtualDisk disk = TestDisks.Compose(new PairsImage(new BlockImage("a", 9001L * Block, Block)));

        List<DiskExtent> all = await disk.MapAllAsync(0, disk.LengthBytes).ToListAsync(TestContext.Current.CancellationToken);

        Assert.Equal(await OneByOneAsync(disk, 0, disk.LengthBytes), all);
        Assert.Equal(6001, all.Count);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(5000)]
    public async Task MapAll_OverAnImageThatMiscounts_IsItsFault(int count)
    {
        using VirtualDisk disk = TestDisks.Compose(new MiscountingImage(new BlockImage("a", 100 * Block, Block), count));

        ImageException error = await Assert.ThrowsAsync<ImageException>(async () => await disk.MapAllAsync(0, disk.LengthBytes).ToListAsync(TestContext.Current.CancellationToken));

        Assert.Equal(ImageErrorKind.BackendFault, error.Kind);
    }

    [Fact]
    public async Task MapAll_ThatIsCancelled_Stops()
    {
        using VirtualDisk disk = TestDisks.Compose(new PairsImage(new BlockImage("a", 9001L * Block, Block)));
        using CancellationTokenSource stop = new();
        int seen = 0;

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (ReadOnlyMemory<DiskExtent> batch in disk.MapBatchesAsync(0, disk.LengthBytes, stop.Token))
            {
                seen++;
                stop.Cancel();
            }
        });
        Assert.Equal(1, seen);
    }

    [Theory]
    [InlineData(null, 1)]
    [InlineData(100, 3)]
    [InlineData(64, 3)]
    public async Task MapAll_OfAnImageThatAnswersABlockAtATime_MergesWhatOneLookAfterTheOtherBrings(int? zeroBlock, int runs)
    {
        using VirtualDisk disk = TestDisks.Compose(new SingleBlocksImage(new BlockImage("a", 200 * Block, Block), zeroBlock));

        List<DiskExtent[]> batches = [];
        await foreach (ReadOnlyMemory<DiskExtent> batch in disk.MapBatchesAsync(0, disk.LengthBytes, TestContext.Current.CancellationToken))
        {
            batches.Add(batch.ToArray());
        }

        Assert.DoesNotContain(batches, batch => batch.Length == 0);
        Assert.Equal(await OneByOneAsync(disk, 0, disk.LengthBytes), batches.SelectMany(batch => batch));
        Assert.Equal(runs, batches.Sum(batch => batch.Length));
    }

    [Fact]
    public async Task MapBatches_OfNothing_IsNoBatch()
    {
        using VirtualDisk disk = TestDisks.Compose(new BlockImage("a", 100 * Block, Block));

        Assert.Empty(await disk.MapBatchesAsync(Block, 0, TestContext.Current.CancellationToken).ToListAsync(TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData(-1, 0)]
    [InlineData((100 * Block) + 1, 0)]
    [InlineData(0, -1)]
    [InlineData(0, (100 * Block) + 1)]
    public async Task MapAll_OutsideOfTheDisk_IsRefused(int offset, int length)
    {
        using VirtualDisk disk = TestDisks.Compose(new BlockImage("a", 100 * Block, Block));

        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await disk.MapAllAsync(offset, length).ToListAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task MapAll_OfADiskThatBecomesShorterMeanwhile_SaysSo()
    {
        using VirtualDisk disk = TestDisks.Compose(new PairsImage(new BlockImage("a", 9001L * Block, Block)));
        await using IAsyncEnumerator<ReadOnlyMemory<DiskExtent>> batches = disk.MapBatchesAsync(0, disk.LengthBytes, TestContext.Current.CancellationToken).GetAsyncEnumerator(TestContext.Current.CancellationToken);
        Assert.True(await batches.MoveNextAsync());
        var over = new Level { Image = new BlockImage("over", 5000L * Block, Block), Path = "over", FormatId = "blocks" };
        await disk.TakeOverlayAsync(over, TestContext.Current.CancellationToken);

        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await batches.MoveNextAsync());
    }

    [Fact]
    public async Task MapBatches_OfADiskWithAFilter_SayWhatTheFilterLeaves()
    {
        using VirtualDisk disk = TestDisks.Compose(new PairsImage(new BlockImage("a", 3000L * Block, Block)));
        await disk.AddFilterAsync(new XorFilter(3, Block), TestContext.Current.CancellationToken);

        await foreach (DiskExtent run in disk.MapAllAsync(0, disk.LengthBytes, TestContext.Current.CancellationToken))
        {
            Assert.Equal((ExtentKind.Data, Extent.NoOffset), (run.Kind, run.StorageOffset));
        }
    }

    private static IDiskImage MakeLevel(string name, Random random)
    {
        BlockImage image = new(name, random.Next(1, 300) * Block, Block) { TableMisses = random.Next(9), ShortAnswers = random.Next(9), Waits = random.Next(9) };
        VirtualDisk alone = TestDisks.Compose(image);
        for (int i = random.Next(60); i > 0; i--)
        {
            long at = random.NextInt64(image.VirtualSizeBytes / Block) * Block;
            long length = Math.Min(image.VirtualSizeBytes - at, random.Next(1, 6) * Block);
            if (random.Next(3) == 0)
            {
                alone.WriteZeroes(at, length);
            }
            else
            {
                alone.Write(at, new byte[length]);
            }
        }

        GC.SuppressFinalize(alone);
        return random.Next(3) == 0 ? image : new ManyRunsImage(image, random.Next(1, 40));
    }

    private static async Task<List<DiskExtent>> OneByOneAsync(VirtualDisk disk, long offset, long length)
    {
        List<DiskExtent> all = [];
        for (long end = offset + length; offset < end; offset = all[^1].EndBytes)
        {
            DiskExtent next = await disk.MapAsync(offset, end - offset, TestContext.Current.CancellationToken);
            if (all.Count > 0 && all[^1] is var last && last.Kind == next.Kind && last.Depth == next.Depth && last.IsAllocated == next.IsAllocated
                && next.StorageOffset == (last.StorageOffset < 0 ? -1 : last.StorageOffset + last.LengthBytes))
            {
                all[^1] = last with { LengthBytes = last.LengthBytes + next.LengthBytes };
            }
            else
            {
                all.Add(next);
            }
        }

        return all;
    }

    /// <summary>Three blocks in turn: data, data that continues it, zero.</summary>
    private sealed class PairsImage(IDiskImage inner) : DelegatingImage(inner)
    {
        protected override ValueTask<Extent> MapCore<TIo>(long offset, long lengthBytes, CancellationToken cancellationToken)
        {
            long length = Math.Min(lengthBytes, Block - (offset % Block));
            return new(offset / Block % 3 == 2 ? new Extent(ExtentKind.Zero, length) : new Extent(ExtentKind.Data, length, offset, IsAllocated: true));
        }

        public override async ValueTask<int> MapRunsAsync(long offset, long lengthBytes, Memory<Extent> runs, CancellationToken cancellationToken = default)
        {
            int count = 0;
            for (long end = offset + lengthBytes; offset < end && count < runs.Length; count++)
            {
                Extent run = await MapAsync(offset, end - offset, cancellationToken);
                runs.Span[count] = run;
                offset += run.LengthBytes;
            }

            return count;
        }
    }

    /// <summary>Data, but for one block of zeros; one block in each answer.</summary>
    private sealed class SingleBlocksImage(IDiskImage inner, int? zeroBlock) : DelegatingImage(inner)
    {
        public override bool TryMap(long offset, long lengthBytes, out Extent extent)
        {
            long length = Math.Min(lengthBytes, Block - (offset % Block));
            extent = offset / Block == zeroBlock ? new Extent(ExtentKind.Zero, length) : new Extent(ExtentKind.Data, length, offset, IsAllocated: true);
            return true;
        }

        public override ValueTask<int> MapRunsAsync(long offset, long lengthBytes, Memory<Extent> runs, CancellationToken cancellationToken = default)
        {
            _ = TryMap(offset, lengthBytes, out runs.Span[0]);
            return new(1);
        }

        protected override ValueTask<Extent> MapCore<TIo>(long offset, long lengthBytes, CancellationToken cancellationToken)
        {
            _ = TryMap(offset, lengthBytes, out Extent extent);
            return new(extent);
        }
    }

    private sealed class MiscountingImage(IDiskImage inner, int count) : DelegatingImage(inner)
    {
        public override ValueTask<int> MapRunsAsync(long offset, long lengthBytes, Memory<Extent> runs, CancellationToken cancellationToken = default)
        {
            runs.Span.Fill(new Extent(ExtentKind.Zero, 1));
            return new(count);
        }
    }
}
