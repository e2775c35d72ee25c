namespace QedVd.Host.Tests.Chains;

/// <summary>Where the runs of a chain lie when a level answers many at a time, and how many each is asked for.</summary>
public sealed class ChainMapWalkTests
{
    private const int Block = 512;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task RunOfALowerLevel_WithAHoleAboveItsMiddle_GoesOnInItsPlaceBehindTheHole()
    {
        var top = new RunsImage("top", [Free(2), Data(3, 90_000), Free(7)]);
        var bottom = new RunsImage("base", [Data(9, 40_000), Free(1)]);
        using VirtualDisk disk = TestDisks.Compose(top, bottom);

        List<DiskExtent> all = await disk.MapAllAsync(Block / 2, disk.LengthBytes - (Block / 2), Stop).ToListAsync(Stop);

        Assert.Equal(
            [
                Run(Block / 2, 3 * Block / 2, ExtentKind.Data, 1, 40_000 + (Block / 2), "base"),
                Run(2 * Block, 3 * Block, ExtentKind.Data, 0, 90_000, "top"),
                Run(5 * Block, 4 * Block, ExtentKind.Data, 1, 40_000 + (5 * Block), "base"),
                Run(9 * Block, 3 * Block, ExtentKind.Free, 2, Extent.NoOffset, null),
            ],
            all);
        Assert.Equal(all[0], disk.Map(Block / 2, disk.LengthBytes - (Block / 2)));
        Assert.Equal(all[2], disk.Map(5 * Block, 7 * Block));
        Assert.Equal(all[3] with { LengthBytes = Block }, disk.Map(9 * Block, 3 * Block));
    }

    [Fact]
    public async Task Walk_OfALevelThatAnswersRunByRun_StopsNowAndThen_AndGoesOnWhereItWas()
    {
        var top = new RunsImage("top", [.. Enumerable.Range(0, 300).Select(i => Data(1, i * 4096))]) { Most = 1 };
        var walk = new ChainMapWalk(GenerationOf(top), 0, top.VirtualSizeBytes);
        var runs = new DiskExtent[300];
        int count = 0;
        for (int stops = 1; count < runs.Length; stops++)
        {
            count += await walk.FillAsync(runs.AsMemory(count), Stop);
            Assert.InRange(top.Asked.Count, 1, stops * 64);
        }

        Assert.Equal(Enumerable.Range(0, 300).Select(i => (i * (long)Block, i * 4096L)), runs.Select(run => (run.OffsetBytes, run.StorageOffset)));
    }

    [Fact]
    public async Task LevelBeneath_IsAskedForMoreAndMore_WhileAllOfItIsUsed()
    {
        var top = new RunsImage("top", [Free(5000)]);
        var bottom = new RunsImage("base", [.. Enumerable.Range(0, 5000).Select(i => Data(1, i * 4096))]);

        await WalkAsync(top, bottom);

        Assert.Equal([(0, 1024)], top.Asked);
        Assert.Equal([(0, 16), (16, 32), (48, 64), (112, 128), (240, 256), (496, 512), (1008, 1024), (2032, 1024), (3056, 1024), (4080, 1024)], bottom.Asked);
    }

    [Fact]
    public async Task LevelBeneath_IsAskedForLess_WhereTheTopHidesWhatItSaid()
    {
        var top = new RunsImage("top", [Free(20), Data(100, 0), Free(10), Data(100, 0), Free(30)]);
        var bottom = new RunsImage("base", [.. Enumerable.Range(0, 260).Select(i => Data(1, i * 4096))]);

        await WalkAsync(top, bottom);

        Assert.Equal([(0, 16), (16, 32), (120, 16), (230, 16), (246, 32)], bottom.Asked);
    }

    private static async Task WalkAsync(RunsImage top, RunsImage bottom)
    {
        var walk = new ChainMapWalk(GenerationOf(top, bottom), 0, top.VirtualSizeBytes);
        await walk.FillAsync(new DiskExtent[10_000], Stop);
        Assert.Equal(top.VirtualSizeBytes, walk.OffsetBytes);
    }

    private static Generation GenerationOf(params IDiskImage[] images) => new([.. images.Select(image => new Level { Image = image, Path = image.Name, FormatId = "runs" })]);

    private static Extent Free(int blocks) => new(ExtentKind.Free, blocks * Block);

    private static Extent Data(int blocks, long place) => new(ExtentKind.Data, blocks * Block, place, IsAllocated: true);

    private static DiskExtent Run(long offset, long length, ExtentKind kind, int depth, long place, string? path) => new()
    {
        OffsetBytes = offset,
        LengthBytes = length,
        Kind = kind,
        Depth = depth,
        StorageOffset = place,
        Path = path,
        IsAllocated = kind == ExtentKind.Data,
    };

    /// <summary>These runs from the start on, as many of them at a time as there is room for; notes the block and the room that it is asked for.</summary>
    private sealed class RunsImage(string name, Extent[] all) : DelegatingImage(new BlockImage(name, all.Sum(run => run.LengthBytes), Block))
    {
        public int Most { get; init; } = int.MaxValue;

        public List<(int Block, int Room)> Asked { get; } = [];

        public override async ValueTask<int> MapRunsAsync(long offset, long lengthBytes, Memory<Extent> runs, CancellationToken cancellationToken = default)
        {
            Asked.Add(((int)(offset / Block), runs.Length));
            int count = 0;
            for (long end = offset + lengthBytes; offset < end && count < Math.Min(runs.Length, Most); count++)
            {
                Extent run = await MapAsync(offset, end - offset, cancellationToken);
                runs.Span[count] = run;
                offset += run.LengthBytes;
            }

            return count;
        }

        protected override ValueTask<Extent> MapCore<TIo>(long offset, long lengthBytes, CancellationToken cancellationToken)
        {
            long start = 0;
            foreach (Extent run in all)
            {
                long inside = offset - start;
                if (inside < run.LengthBytes)
                {
                    return new(run with
                    {
                        LengthBytes = Math.Min(lengthBytes, run.LengthBytes - inside),
                        StorageOffset = run.StorageOffset == Extent.NoOffset ? Extent.NoOffset : run.StorageOffset + inside,
                    });
                }

                start += run.LengthBytes;
            }

            throw new InvalidOperationException("asked beyond the end");
        }
    }
}
