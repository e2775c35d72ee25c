using QedVd.Backends.Qed.Tests.Format;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Maintenance;

/// <summary>A check on several threads says what a check on one thread says, to the letter.</summary>
public sealed class ParallelCheckTests
{
    private const int Tables = 40;
    private const int EntriesPerTable = 1024;

    [Fact]
    public async Task Check_OnSeveralThreads_ReportsWhatOneThreadReports()
    {
        long seed = LongRun.Seed();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        Random random = new((int)seed);
        for (int round = 0; round < 40; round++)
        {
            QedImageBytes image = MakeImage(random, damages: round % 4);

            await AssertSameAsync(image);
        }
    }

    [Theory]
    [InlineData(0, 39)]
    [InlineData(39, 0)]
    [InlineData(7, 20)]
    public async Task Check_ClusterSharedByTablesOfTwoThreads_IsFound_AndNamedAtTheLaterTable(int first, int second)
    {
        QedImageBytes image = MakeImage(new Random(1), damages: 0);
        ulong shared = image.At(image.File.LengthBytes / 4096);
        image.SetClusters((image.File.LengthBytes / 4096) + 1);
        image.SetL2(TableAt(first), 1000, shared).SetL2(TableAt(second), 1001, shared);

        CheckReport report = await AssertSameAsync(image);

        CheckFinding finding = Assert.Single(report.Findings, found => found.Kind != CheckFindingKind.Leak);
        Assert.Equal((CheckFindingKind.SharedReference, "L2", Math.Max(first, second) == second ? 1001 : 1000), (finding.Kind, finding.Table, finding.Index));
        Assert.Equal(1, report.Corruptions);
    }

    [Fact]
    public async Task Check_EntryThatNamesATable_IsFound()
    {
        QedImageBytes image = MakeImage(new Random(1), damages: 0);
        image.SetL2(TableAt(3), 1000, image.At(TableAt(30) + 1));

        CheckReport report = await AssertSameAsync(image);

        Assert.Contains("inside an L2 table", Assert.Single(report.Findings, found => found.Kind != CheckFindingKind.Leak).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Check_TableThatCannotBeRead_IsReportedOnce()
    {
        QedImageBytes image = MakeImage(new Random(1), damages: 0);
        long bad = TableAt(17) * 4096;
        image.File.Fail(new StorageFault { Kind = StorageOperationKind.Read, IsSticky = true, Where = (offset, length) => offset < bad + 4096 && offset + length > bad });

        CheckReport report = await AssertSameAsync(image);

        Assert.Equal(1, report.CheckErrors);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Check_ProgressOnSeveralThreads_NeverGoesBack_AndEndsAtTheEnd(bool isDamaged)
    {
        QedImageBytes image = new(new QedHeaderBytes { ClusterSize = 65536, TableSize = 16, L1Offset = 65536, ImageSize = 1UL << 45 });
        image.SetClusters(17 + (16 * 40));
        for (int i = 0; i < 40; i++)
        {
            image.SetL1(i, image.At(17 + (16 * i)));
        }

        if (isDamaged)
        {
            image.SetL2(17 + (16 * 30), 5, 6);
        }

        ProgressList progress = new();
        CheckReport report = await CheckerFor(image, new CheckOptions(), progress).RunAsync<AsyncIo>(TestContext.Current.CancellationToken);

        Assert.Equal(isDamaged ? 1 : 0, report.Corruptions);
        Assert.True(progress.Reports.Count > 1);
        Assert.Equal(progress.Reports.Order(Comparer<OperationProgress>.Create((a, b) => a.DoneBytes.CompareTo(b.DoneBytes))), progress.Reports);
        Assert.All(progress.Reports, at => Assert.InRange(at.DoneBytes, 0, at.TotalBytes));
        Assert.Equal(progress.Reports[^1].TotalBytes, progress.Reports[^1].DoneBytes);
    }

    [Fact]
    public async Task Check_OnSeveralThreads_ThatIsCancelled_Stops()
    {
        QedImageBytes image = MakeImage(new Random(1), damages: 0);
        using CancellationTokenSource stop = new();
        int reads = 0;
        image.File.Fail(new StorageFault
        {
            Kind = StorageOperationKind.Read,
            IsSticky = true,
            Where = (_, _) =>
            {
                if (Interlocked.Increment(ref reads) == 20)
                {
                    stop.Cancel();
                }

                return false;
            },
        });

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => CheckerFor(image, new CheckOptions()).RunAsync<AsyncIo>(stop.Token).AsTask());
        Assert.InRange(reads, 20, Tables);
    }

    private static long TableAt(int number) => 3 + (2L * number);

    /// <summary>Tables one behind the other, data behind them in any order.</summary>
    private static QedImageBytes MakeImage(Random random, int damages)
    {
        QedImageBytes image = new(new QedHeaderBytes { ImageSize = (ulong)Tables * EntriesPerTable * 4096 });
        image.SetClusters(3 + (2 * Tables));
        List<(int Table, int Index)> places = [];
        for (int table = 0; table < Tables; table++)
        {
            image.SetL1(table, image.At(TableAt(table)));
            for (int i = random.Next(10); i < 900; i += 1 + random.Next(60))
            {
                places.Add((table, i));
            }
        }

        long free = 3 + (2 * Tables);
        long end = free + places.Count;
        image.SetClusters(end + random.Next(3));
        if (random.Next(2) == 0)
        {
            random.Shuffle(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(places));
        }

        foreach ((int table, int index) in places)
        {
            image.SetL2(TableAt(table), index, random.Next(10) == 0 ? 1 : image.At(free++));
        }

        for (int i = 0; i < damages; i++)
        {
            ulong value = random.Next(5) switch
            {
                0 => image.At(random.NextInt64(end)),
                1 => image.At(end + 5),
                2 => (ulong)random.Next(2, 4096),
                3 => ulong.MaxValue - 4095,
                _ => image.At(random.NextInt64(3, 3 + (2 * Tables))),
            };
            if (random.Next(4) == 0)
            {
                image.SetL1(random.Next(Tables), value);
            }
            else
            {
                image.SetL2(TableAt(random.Next(Tables)), random.Next(EntriesPerTable), value);
            }
        }

        return image;
    }

    private static async Task<CheckReport> AssertSameAsync(QedImageBytes image)
    {
        List<CheckFinding> toldByOne = [];
        List<CheckFinding> toldBySeveral = [];
        CheckReport one = SyncIo.Complete(
            CheckerFor(image, new CheckOptions { OnFinding = toldByOne.Add, MaxReportedFindings = 5 }).RunAsync<SyncIo>(TestContext.Current.CancellationToken));
        CheckReport several = await CheckerFor(image, new CheckOptions { OnFinding = toldBySeveral.Add, MaxReportedFindings = 5 })
            .RunAsync<AsyncIo>(TestContext.Current.CancellationToken);

        Assert.Equal(toldByOne, toldBySeveral);
        Assert.Equal(one.Findings, several.Findings);
        Assert.Equal(one with { Findings = [] }, several with { Findings = [] });
        return several;
    }

    private static QedChecker CheckerFor(QedImageBytes image, CheckOptions options, IProgress<OperationProgress>? progress = null) =>
        new(image.File.Open(readOnly: true), image.Header.Parse(image.File.LengthBytes), image.File.LengthBytes, options, progress) { WorkerLimit = 3 };

    private sealed class ProgressList : IProgress<OperationProgress>
    {
        public List<OperationProgress> Reports { get; } = [];

        public void Report(OperationProgress value) => Reports.Add(value);
    }
}
