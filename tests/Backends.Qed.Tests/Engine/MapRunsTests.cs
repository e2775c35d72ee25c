using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Engine;

/// <summary>Many runs at a time are what one question after the other answers.</summary>
public sealed class MapRunsTests
{
    private const int Cluster = 4096;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task MapRuns_OfARandomImage_AreWhatMapSays(bool readOnly)
    {
        long seed = LongRun.Seed();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        Random random = new((int)seed);
        for (int round = 0; round < 30; round++)
        {
            SimulatedFile file = MakeImage(random);
            await using QedImage image = Images.Open(file, readOnly: readOnly);
            for (int i = 0; i < 6; i++)
            {
                long offset = i == 0 ? 0 : random.NextInt64(image.VirtualSizeBytes);
                long length = i == 0 ? image.VirtualSizeBytes : random.NextInt64(1, image.VirtualSizeBytes - offset + 1);

                Assert.Equal(OneByOne(image, offset, length), await InRunsAsync(image, offset, length, random.Next(1, 50)));
            }
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task MapRuns_StopBeforeAnInvalidEntry_WhichFailsWhenItIsTheFirst(bool readOnly)
    {
        QedImageBytes bytes = new QedImageBytes().AddUsualTable();
        bytes.SetL2(3, 3, 7);
        await using QedImage image = Images.Open(bytes.File, readOnly: readOnly);
        Extent[] runs = new Extent[10];

        int count = await image.MapRunsAsync(0, image.VirtualSizeBytes, runs, TestContext.Current.CancellationToken);

        Assert.Equal(3 * Cluster, runs.Take(count).Sum(run => run.LengthBytes));
        ImageException error = await Assert.ThrowsAsync<ImageException>(
            () => image.MapRunsAsync(3 * Cluster, Cluster, runs, TestContext.Current.CancellationToken).AsTask());
        Assert.Equal(ImageErrorKind.Corrupt, error.Kind);
        Assert.Contains("L2 entry of disk cluster 3", error.Message, StringComparison.Ordinal);
        Assert.True(await image.MapRunsAsync(4 * Cluster, Cluster, runs, TestContext.Current.CancellationToken) > 0);
    }

    [Theory]
    [InlineData(5UL)]
    [InlineData(1UL << 40)]
    public async Task MapRuns_OverAnInvalidTable_FailThereOnly(ulong table)
    {
        QedImageBytes bytes = new(new QedHeaderBytes { ImageSize = 3 * 1024 * Cluster });
        bytes.AddUsualTable().SetL1(1, table);
        await using QedImage image = Images.Open(bytes.File, readOnly: true);

        Assert.Equal(1024 * Cluster, (await InRunsAsync(image, 0, 1024 * Cluster, 10)).Sum(run => run.LengthBytes));
        Extent[] runs = new Extent[10];
        Assert.Equal(1024 * Cluster, await LengthOfAsync(image, 0, runs));
        await Assert.ThrowsAsync<ImageException>(() => image.MapRunsAsync(1024 * Cluster, Cluster, runs, TestContext.Current.CancellationToken).AsTask());
        Assert.Equal(1024 * Cluster, (await InRunsAsync(image, 2048 * Cluster, 1024 * Cluster, 10)).Sum(run => run.LengthBytes));
    }

    [Fact]
    public async Task MapRuns_DataClusterInsideATable_IsInvalid()
    {
        QedImageBytes bytes = new QedImageBytes().AddUsualTable();
        bytes.SetL2(3, 1, bytes.At(4));
        await using QedImage image = Images.Open(bytes.File, readOnly: true);
        Extent[] runs = new Extent[10];

        Assert.Equal(Cluster, await LengthOfAsync(image, 0, runs));
        await Assert.ThrowsAsync<ImageException>(() => image.MapRunsAsync(Cluster, Cluster, runs, TestContext.Current.CancellationToken).AsTask());
    }

    [Fact]
    public async Task MapRuns_AfterAWriteIntoAHole_SayData()
    {
        QedImageBytes bytes = new QedImageBytes().AddUsualTable().SetClusters(13);
        for (int i = 0; i < 3; i++)
        {
            bytes.SetL2(3, i, bytes.At(9 + i));
        }

        SimulatedFile file = bytes.File;
        await using QedImage image = Images.Open(file);
        Assert.All(await InRunsAsync(image, 0, 3 * Cluster, 10), run => Assert.Equal(ExtentKind.Zero, run.Kind));

        image.Write(Cluster, new byte[] { 1, 2, 3 });

        Assert.Contains(await InRunsAsync(image, 0, 3 * Cluster, 10), run => run.Kind == ExtentKind.Data);
        Assert.Equal(OneByOne(image, 0, 3 * Cluster), await InRunsAsync(image, 0, 3 * Cluster, 10));
    }

    [Fact]
    public async Task MapRuns_SeeUnflushedWrites_AndWhatWasWrittenBetweenTwoReadOnlyPeriods()
    {
        SimulatedFile file = Images.Create(1 << 20);
        await using var image = (QedImage)new QedBackend().Open(file.Open(), new ImageOpenOptions { Flags = ImageOpenFlags.ReadOnly, Time = new FakeTime() });
        CancellationToken cancel = TestContext.Current.CancellationToken;
        await InRunsAsync(image, 0, 8 * Cluster, 4);

        await image.SetOpenFlagsAsync(ImageOpenFlags.None, cancel);
        image.Write(2 * Cluster, Data(Cluster));
        Assert.Equal([ExtentKind.Free, ExtentKind.Data, ExtentKind.Free], (await InRunsAsync(image, 0, 8 * Cluster, 4)).Select(run => run.Kind));

        await image.SetOpenFlagsAsync(ImageOpenFlags.ReadOnly, cancel);
        Assert.Equal([ExtentKind.Free, ExtentKind.Data, ExtentKind.Free], (await InRunsAsync(image, 0, 8 * Cluster, 4)).Select(run => run.Kind));

        await image.SetOpenFlagsAsync(ImageOpenFlags.None, cancel);
        image.Write(5 * Cluster, Data(Cluster));
        await image.SetOpenFlagsAsync(ImageOpenFlags.ReadOnly, cancel);
        Assert.Equal(OneByOne(image, 0, 8 * Cluster), await InRunsAsync(image, 0, 8 * Cluster, 4));
        Assert.Equal(5, (await InRunsAsync(image, 0, 8 * Cluster, 4)).Count);
    }

    [Fact]
    public async Task MapRuns_OfAScatteredImage_AskForHolesOnce_AndStreamTheTables()
    {
        QedImageBytes bytes = new(new QedHeaderBytes { ImageSize = 4 * 1024 * Cluster });
        bytes.SetClusters(3 + 8 + 4096);
        Random random = new(5);
        int[] order = [.. Enumerable.Range(0, 4096)];
        random.Shuffle(order);
        for (int i = 0; i < 4096; i++)
        {
            bytes.SetL1(i / 1024, bytes.At(3 + (2 * (i / 1024))));
            bytes.SetL2(3 + (2 * (i / 1024)), i % 1024, bytes.At(11 + order[i]));
        }

        CountingStorage storage = new(bytes.File.Open(readOnly: true));
        await using IDiskImage image = new QedBackend().Open(storage, new ImageOpenOptions { Flags = ImageOpenFlags.ReadOnly });
        long before = GC.GetAllocatedBytesForCurrentThread();
        Extent[] runs = new Extent[256];
        int total = 0;
        for (long offset = 0; offset < image.VirtualSizeBytes;)
        {
            int count = await image.MapRunsAsync(offset, image.VirtualSizeBytes - offset, runs, TestContext.Current.CancellationToken);
            offset += runs.Take(count).Sum(run => run.LengthBytes);
            total += count;
        }

        Assert.InRange(total, 4000, 4096);
        Assert.InRange(storage.ExtentQuestions, 1, 60);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 400_000);
    }

    private static async Task<long> LengthOfAsync(QedImage image, long offset, Extent[] runs)
    {
        int count = await image.MapRunsAsync(offset, image.VirtualSizeBytes - offset, runs, TestContext.Current.CancellationToken);
        return runs.Take(count).Sum(run => run.LengthBytes);
    }

    private static byte[] Data(int length) => [.. Enumerable.Repeat((byte)7, length)];

    /// <summary>Some tables, clusters in any order, zero marks, and holes where data should be.</summary>
    private static SimulatedFile MakeImage(Random random)
    {
        int tables = random.Next(1, 5);
        QedImageBytes bytes = new(new QedHeaderBytes { ImageSize = (ulong)((tables * 1024L * Cluster) - (random.Next(8) * 512)) });
        long free = 3 + (2 * tables);
        List<int> order = [.. Enumerable.Range(0, tables * 1024)];
        bytes.SetClusters(free + order.Count);
        if (random.Next(2) == 0)
        {
            random.Shuffle(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(order));
        }

        for (int table = 0; table < tables; table++)
        {
            if (random.Next(4) == 0)
            {
                continue;
            }

            bytes.SetL1(table, bytes.At(3 + (2 * table)));
            for (int i = 0; i < 1024;)
            {
                int kind = random.Next(4);
                for (int run = random.Next(1, 40); run > 0 && i < 1024; run--, i++)
                {
                    long cluster = free + order[(table * 1024) + i];
                    bytes.SetL2(3 + (2 * table), i, kind switch { 0 => 0, 1 => 1, _ => bytes.At(cluster) });
                    if (kind == 3 || random.Next(30) == 0)
                    {
                        bytes.File.Poke(cluster * Cluster, [1]);
                    }
                }
            }
        }

        return bytes.File;
    }

    [Fact]
    public async Task MapRuns_CancelledBeforeTheNextTable_GoOnWhereTheyWere_AsIfNothingHadBeen()
    {
        const long PerTable = 1024L * Cluster;
        QedImageBytes bytes = new QedImageBytes(new QedHeaderBytes { ImageSize = (ulong)(3 * PerTable) }).AddUsualTable().SetClusters(16);
        bytes.SetL1(1, bytes.At(9)).SetL2(9, 5, bytes.At(13)).SetL1(2, bytes.At(11)).SetL2(11, 0, bytes.At(14));
        await using QedImage image = Images.Open(bytes.File, readOnly: true);
        List<Extent> expected = OneByOne(image, 0, 3 * PerTable);
        using QedImage fresh = Images.Open(bytes.File, readOnly: true);
        var cancelled = new CancellationToken(canceled: true);
        List<Extent> all = [];
        Extent[] runs = new Extent[1];
        int cancellations = 0;
        for (long offset = 0; offset < 3 * PerTable; offset += runs[0].LengthBytes)
        {
            try
            {
                // Where everything is in memory there is nothing to be cancelled.
                Assert.Equal(1, await fresh.MapRunsAsync(offset, (3 * PerTable) - offset, runs, cancelled));
            }
            catch (OperationCanceledException)
            {
                cancellations++;
                Assert.Equal(1, await fresh.MapRunsAsync(offset, (3 * PerTable) - offset, runs, TestContext.Current.CancellationToken));
            }

            Add(all, runs[0]);
        }

        Assert.True(cancellations > 1, $"{cancellations} cancellations");
        Assert.Equal(expected, all);
    }

    [Fact]
    public async Task MapRuns_OverATableThatIsMostlyAHole_AreWhatMapSays()
    {
        const int Large = 65536;
        QedImageBytes bytes = new(new QedHeaderBytes { ClusterSize = Large, TableSize = 16, L1Offset = Large, ImageSize = 131_072UL * Large });
        bytes.SetClusters(36).SetL1(0, bytes.At(17)).SetL2(17, 60_000, bytes.At(34)).SetL2(17, 130_000, bytes.At(33)).SetL2(17, 130_001, bytes.At(35));
        foreach (long start in (long[])[0, 5L * Large, 60_000L * Large, (60_001L * Large) + 512, 130_000L * Large])
        {
            // Each time a walk that has seen nothing yet.
            await using QedImage image = Images.Open(bytes.File, readOnly: true);
            Assert.Equal(OneByOne(image, start, (131_072L * Large) - start), await InRunsAsync(image, start, (131_072L * Large) - start, 3));
        }
    }

    private static List<Extent> OneByOne(QedImage image, long offset, long length)
    {
        List<Extent> all = [];
        for (long end = offset + length; offset < end;)
        {
            Extent next = image.Map(offset, end - offset);
            Add(all, next);
            offset += next.LengthBytes;
        }

        return all;
    }

    private static async Task<List<Extent>> InRunsAsync(QedImage image, long offset, long length, int room)
    {
        List<Extent> all = [];
        Extent[] runs = new Extent[room];
        for (long end = offset + length; offset < end;)
        {
            int count = await image.MapRunsAsync(offset, end - offset, runs, TestContext.Current.CancellationToken);
            Assert.InRange(count, 1, room);
            for (int i = 0; i < count; i++)
            {
                Add(all, runs[i]);
                offset += runs[i].LengthBytes;
            }
        }

        return all;
    }

    private static void Add(List<Extent> all, Extent next)
    {
        if (all.Count > 0 && all[^1] is var last && last.Kind == next.Kind && last.IsAllocated == next.IsAllocated
            && next.StorageOffset == (last.StorageOffset < 0 ? -1 : last.StorageOffset + last.LengthBytes))
        {
            all[^1] = last with { LengthBytes = last.LengthBytes + next.LengthBytes };
        }
        else
        {
            all.Add(next);
        }
    }

    /// <summary>Counts what it is asked about holes. For reading only.</summary>
    private sealed class CountingStorage(IImageStorage inner) : IImageStorage
    {
        public int ExtentQuestions { get; private set; }

        public string Name => inner.Name;

        public StorageFacts Facts => inner.Facts;

        public StorageIdentity Identity => inner.Identity;

        public bool IsReadOnly => true;

        public StorageExtent GetExtent(long offset)
        {
            ExtentQuestions++;
            return inner.GetExtent(offset);
        }

        public long GetLength() => inner.GetLength();

        public int Read(long offset, Span<byte> buffer) => inner.Read(offset, buffer);

        public ValueTask<int> ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken = default) => inner.ReadAsync(offset, buffer, cancellationToken);

        public void Write(long offset, ReadOnlySpan<byte> buffer) => throw new NotSupportedException();

        public ValueTask WriteAsync(long offset, ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public void SetLength(long lengthBytes) => throw new NotSupportedException();

        public ValueTask SetLengthAsync(long lengthBytes, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public void Barrier() => throw new NotSupportedException();

        public ValueTask BarrierAsync(CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public void Dispose() => inner.Dispose();

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
