using QedVd.Backends.Qed.Tests.Format;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Maintenance;

/// <summary>Geometry of the images: clusters of 4 KiB, tables of 2; header in cluster 0, L1 in 1 and 2, the first L2 table in 3 and 4, data in 5, 6, 7.</summary>
public sealed class QedCheckerTests
{
    [Fact]
    public void Check_OfAnEmptyImage_IsClean()
    {
        CheckReport report = Check(new QedImageBytes());

        Assert.True(report.IsClean);
        Assert.Equal(256, report.TotalClusters);
        Assert.Equal(0, report.AllocatedClusters);
        Assert.Equal(3 * 4096, report.ImageEndOffset);
        Assert.Empty(report.Findings);
    }

    [Fact]
    public void Check_CountsAllocatedZeroAndFragmented()
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable().SetClusters(12);
        image.SetL2(3, 10, 1).SetL2(3, 11, 1).SetL2(3, 12, image.At(9)).SetL2(3, 13, image.At(8)).SetL2(3, 100, image.At(10)).SetL2(3, 101, image.At(11));

        CheckReport report = Check(image);

        Assert.True(report.IsClean, string.Join('\n', report.Findings));
        Assert.Equal(7, report.AllocatedClusters);
        Assert.Equal(2, report.ZeroClusters);
        Assert.Equal(3, report.FragmentedClusters);
        Assert.Equal(12 * 4096, report.ImageEndOffset);
    }

    [Theory]
    [InlineData(1, "no multiple of the cluster size 4096")]
    [InlineData(4097, "no multiple")]
    [InlineData(4096 * 8, "not inside the file")]
    [InlineData(4096 * 7, "not inside the file")] // its second cluster is beyond the end
    [InlineData(ulong.MaxValue - 4095, "not inside the file")]
    [InlineData(1UL << 63, "not inside the file")]
    public void Check_L1EntryThatNamesNoTable_IsOneCorruption_WithItsPlace(ulong value, string why)
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable().SetL1(5, value);

        CheckReport report = Check(image);

        Assert.Equal((1, 0, 0), (report.Corruptions, report.Leaks, report.CheckErrors));
        CheckFinding finding = Assert.Single(report.Findings);
        Assert.Equal(CheckFindingKind.InvalidReference, finding.Kind);
        Assert.Equal(("L1", 4096L, 5L, unchecked((long)value)), (finding.Table, finding.TableOffset, finding.Index, finding.Value));
        Assert.Contains(why, finding.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Check_L1EntryInTheHeaderArea_IsOneCorruption()
    {
        QedImageBytes image = new(new QedHeaderBytes { HeaderSize = 2, L1Offset = 8192 });
        image.SetL1(0, 4096);

        CheckFinding finding = Assert.Single(Check(image).Findings);

        Assert.Contains("inside the header area, which ends at 8192", finding.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, 2)]
    [InlineData(2, 1)]
    public void Check_L2TableOverL1_CountsTheClustersShared(long cluster, long corruptions)
    {
        QedImageBytes image = new QedImageBytes().SetClusters(4);
        image.SetL1(0, image.At(cluster));

        CheckReport report = Check(image);

        Assert.Equal(corruptions, report.Corruptions);
        Assert.Contains("inside the L1 table at 4096 to 12288", Assert.Single(report.Findings, finding => finding.Kind == CheckFindingKind.InvalidReference).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Check_TwoL1EntriesWithOneTable_CountItsClusters_AndGoThroughItOnce()
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable();
        image.SetL1(7, image.At(3));

        CheckReport report = Check(image);

        Assert.Equal((2, 0), (report.Corruptions, report.Leaks));
        Assert.Equal(3, report.AllocatedClusters);
        CheckFinding finding = Assert.Single(report.Findings);
        Assert.Equal((CheckFindingKind.SharedReference, "L1", 7L), (finding.Kind, finding.Table, finding.Index));
    }

    [Fact]
    public void Check_TwoTablesThatOverlap_AreBothWalkedThrough()
    {
        QedImageBytes image = new QedImageBytes().SetClusters(7);
        image.SetL1(0, image.At(3)).SetL1(1, image.At(4)).SetL2(3, 0, image.At(6)).SetL2(5, 0, 1);

        CheckReport report = Check(image);

        Assert.Equal((1, 0), (report.Corruptions, report.Leaks));
        Assert.Equal((1, 1), (report.AllocatedClusters, report.ZeroClusters));
        Assert.Contains("shares 1 of its clusters", Assert.Single(report.Findings).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(2, "no multiple")]
    [InlineData(4095, "no multiple")]
    [InlineData(4097, "no multiple")]
    [InlineData(0, "header area")]
    [InlineData(4096, "inside the L1 table")]
    [InlineData(4096 * 2, "inside the L1 table")]
    [InlineData(4096 * 4, "inside an L2 table")]
    [InlineData(4096 * 8, "not inside the file")]
    [InlineData(1UL << 63, "not inside the file")]
    [InlineData(ulong.MaxValue - 4095, "not inside the file")]
    public void Check_L2EntryThatNamesNoDataCluster_IsOneCorruption_WithItsPlace(ulong value, string why)
    {
        QedImageBytes image = value == 0
            ? new QedImageBytes(new QedHeaderBytes { HeaderSize = 2, L1Offset = 8192 }).AddUsualTable()
            : new QedImageBytes().AddUsualTable();
        value = value == 0 ? 4096 : value;
        image.SetL2(image.FirstFree, 600, value);

        CheckReport report = Check(image);

        Assert.Equal((1, 0, 0), (report.Corruptions, report.Leaks, report.CheckErrors));
        Assert.Equal(4, report.AllocatedClusters);
        CheckFinding finding = Assert.Single(report.Findings);
        Assert.Equal(CheckFindingKind.InvalidReference, finding.Kind);
        Assert.Equal(("L2", (long)image.At(image.FirstFree), 600L, unchecked((long)value)), (finding.Table, finding.TableOffset, finding.Index, finding.Value));
        Assert.Contains(why, finding.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Check_EntryIntoThePartialTail_IsACorruption()
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable();
        image.File.Poke((8 * 4096) + 4000, [0]);
        image.SetL2(3, 9, image.At(8));

        CheckReport report = Check(image);

        Assert.Equal((1, 0), (report.Corruptions, report.Leaks));
        Assert.Contains(report.Findings, finding => finding.Kind == CheckFindingKind.Note && finding.Message.Contains("part of a cluster", StringComparison.Ordinal));
    }

    [Fact]
    public void Check_RunOfClustersThatLeavesTheFile_CountsWhatIsBeyond()
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable();
        for (int i = 3; i < 13; i++)
        {
            image.SetL2(3, i, image.At(5 + i));
        }

        CheckReport report = Check(image);

        Assert.Equal((10, 0), (report.Corruptions, report.Leaks));
        Assert.Equal(13, report.AllocatedClusters);
        Assert.Equal(8 * 4096, report.ImageEndOffset);
    }

    [Fact]
    public void Check_ClusterReferencedTwice_CountsOncePerExtraReference()
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable();
        image.SetL2(3, 20, image.At(5)).SetL2(3, 21, image.At(6)).SetL2(3, 40, image.At(6));

        CheckReport report = Check(image);

        Assert.Equal((3, 0), (report.Corruptions, report.Leaks));
        Assert.Equal([20, 21, 40], report.Findings.Select(finding => finding.Index));
        Assert.All(report.Findings, finding => Assert.Equal(CheckFindingKind.SharedReference, finding.Kind));
    }

    [Fact]
    public void Check_ClustersThatNothingRefersTo_AreLeaks_ReportedAsRuns()
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable().SetClusters(14);
        image.SetL2(3, 1, 0).SetL2(3, 50, image.At(10));

        CheckReport report = Check(image);

        Assert.Equal((0, 6), (report.Corruptions, report.Leaks));
        Assert.True(report.IsSound);
        Assert.False(report.IsClean);
        Assert.Equal([(6L * 4096, 4096L), (8L * 4096, 2 * 4096L), (11L * 4096, 3 * 4096L)], report.Findings.Select(finding => (finding.Value, finding.LengthBytes)));
    }

    [Fact]
    public void Check_RoomBetweenHeaderAndAMovedL1_IsALeak()
    {
        CheckReport report = Check(new QedImageBytes(new QedHeaderBytes { L1Offset = 4 * 4096 }));

        Assert.Equal(3, report.Leaks);
    }

    [Fact]
    public void Check_TablesAndDataInFrontOfAMovedL1_AreFine()
    {
        QedImageBytes image = new(new QedHeaderBytes { L1Offset = 5 * 4096 });
        image.SetL1(0, image.At(1)).SetL2(1, 0, image.At(3)).SetL2(1, 1, image.At(4));

        Assert.True(Check(image).IsClean);
    }

    [Fact]
    public void Check_LastPartOfACluster_CountsAsOne()
    {
        Assert.Equal(3, Check(new QedImageBytes(new QedHeaderBytes { ImageSize = 8192 + 512 })).TotalClusters);
    }

    [Fact]
    public void Check_FirstClusterOfATable_IsNeverFragmented()
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable().SetClusters(12);
        image.SetL1(1, image.At(8)).SetL2(8, 7, image.At(11)).SetL2(8, 9, image.At(10));

        Assert.Equal(1, Check(image).FragmentedClusters);
    }

    [Fact]
    public void Check_TableOfOneCluster_Works()
    {
        QedImageBytes image = new QedImageBytes(new QedHeaderBytes { TableSize = 1 }).AddUsualTable();

        CheckReport report = Check(image);

        Assert.True(report.IsClean);
        Assert.Equal(3, report.AllocatedClusters);
    }

    [Fact]
    public void Check_TableThatCannotBeRead_IsCounted_TheRestIsChecked_AndLeaksAreNot()
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable().SetClusters(11);
        image.SetL1(1, image.At(8)).SetL2(8, 0, 4097).SetL2(8, 3, image.At(10));
        image.File.Fail(new StorageFault { Kind = StorageOperationKind.Read, IsSticky = true, Where = (offset, _) => offset is >= 3 * 4096 and < 5 * 4096 });

        CheckReport report = Check(image);

        Assert.Equal((1, 0, 1), (report.Corruptions, report.Leaks, report.CheckErrors));
        Assert.False(report.IsSound);
        CheckFinding error = Assert.Single(report.Findings, finding => finding.Kind == CheckFindingKind.ReadError);
        Assert.Equal(("L2", 3L * 4096), (error.Table, error.TableOffset));
        Assert.Contains(report.Findings, finding => finding.Message.Contains("leaks are not counted", StringComparison.Ordinal));
    }

    [Fact]
    public void Check_L1ThatCannotBeRead_IsOneError()
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable();
        image.File.Fail(new StorageFault { Kind = StorageOperationKind.Read, IsSticky = true, Where = (offset, _) => offset >= 4096 });

        CheckReport report = Check(image);

        Assert.Equal((0, 0, 1), (report.Corruptions, report.Leaks, report.CheckErrors));
    }

    [Fact]
    public void Check_TableThatIsShorterThanItWas_IsAnError_NotZeros()
    {
        QedImageBytes image = new QedImageBytes(facts: StorageFacts.None).AddUsualTable();
        image.File.Fail(new StorageFault { Kind = StorageOperationKind.Read, IsSticky = true, PartialBytes = 100, Where = (offset, _) => offset >= 3 * 4096 });

        CheckReport report = Check(image);

        Assert.Equal(1, report.CheckErrors);
        Assert.Contains(report.Findings, finding => finding.Message.Contains("truncated", StringComparison.Ordinal));
    }

    [Fact]
    public void Check_KeepsTheFirstFindings_TellsAll_AndCountsAll()
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable();
        for (int i = 10; i < 60; i++)
        {
            image.SetL2(3, i, 77);
        }

        List<CheckFinding> told = [];

        CheckReport silent = Check(image, new CheckOptions { MaxReportedFindings = 3 });
        CheckReport report = Check(image, new CheckOptions { MaxReportedFindings = 3, OnFinding = told.Add });

        Assert.Equal((50, 3), (silent.Corruptions, silent.Findings.Count));
        Assert.Equal((50, 3), (report.Corruptions, report.Findings.Count));
        Assert.Equal(50, told.Count);
    }

    [Fact]
    public void Check_OfAFlaggedImage_SaysSo_AndChangesNothing()
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable().SetHeader(header => header with { Features = 2 });

        CheckReport report = Check(image);

        Assert.True(report.NeedsCheck);
        Assert.True(report.IsClean);
        Assert.Contains(report.Findings, finding => finding.Kind == CheckFindingKind.NeedsCheck);
        Assert.Equal(0, image.File.CountOfChanges());
        Assert.Equal(0, image.File.CountOf(StorageOperationKind.Barrier));
    }

    [Fact]
    public void Check_AfterAFailedBarrier_SaysSo()
    {
        QedImageBytes image = new();
        image.File.Fail(StorageOperationKind.Barrier);
        Assert.Throws<ImageException>(() => image.File.Open().Barrier());

        Assert.Contains("is undefined", Assert.Single(Check(image).Findings).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Check_BothForms_OnStorageWithoutFacts_FindTheSame()
    {
        QedImageBytes image = new QedImageBytes(new QedHeaderBytes { ClusterSize = 65536, TableSize = 4, L1Offset = 65536, ImageSize = 1UL << 40 }, StorageFacts.None)
            .AddUsualTable().SetClusters(20);
        image.SetL2(image.FirstFree, 32767, 1).SetL2(image.FirstFree, 16384, 1).SetL1(32767, 5);

        CheckReport report = Check(image);
        image.File.CompletesInline = false;
        CheckReport other = await CheckerFor(image, new CheckOptions()).RunAsync<AsyncIo>(TestContext.Current.CancellationToken);

        Assert.Equal((1, 8, 2), (report.Corruptions, report.Leaks, report.ZeroClusters));
        Assert.Equivalent(report, other, strict: true);
    }

    /// <summary>A petabyte of file, tables of 1 GiB: holes are jumped over, and memory follows what is there.</summary>
    [Fact]
    public void Check_OfHugeSparseTables_ReadsOnlyWhatIsThere()
    {
        QedImageBytes image = new(new QedHeaderBytes { ClusterSize = 64 << 20, TableSize = 16, L1Offset = 64 << 20, ImageSize = 1UL << 62 });
        image.SetClusters((1L << 50) / image.ClusterBytes);
        image.SetL1(3, image.At(1 << 20)).SetL1(300, image.At(2 << 20)).SetL2(1 << 20, 99_999_999, image.At(3 << 20)).SetL2(2 << 20, 7, 1);

        long before = GC.GetAllocatedBytesForCurrentThread();
        CheckReport report = Check(image);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.Equal((0, 1, 1), (report.Corruptions, report.AllocatedClusters, report.ZeroClusters));
        Assert.Equal((1L << 24) - 1 - 16 - 32 - 1, report.Leaks);
        Assert.InRange(image.File.CountOf(StorageOperationKind.Read), 1, 20);
        Assert.InRange(allocated, 0, 4 << 20);
    }

    [Fact]
    public void Check_ReportsProgress_UpToTheEnd()
    {
        QedImageBytes image = new(new QedHeaderBytes { ClusterSize = 65536, TableSize = 16, L1Offset = 65536, ImageSize = 1UL << 45 });
        image.SetClusters(17 + (16 * 20));
        for (int i = 0; i < 20; i++)
        {
            image.SetL1(i, image.At(17 + (16 * i)));
        }

        ProgressList progress = new();

        SyncIo.Complete(CheckerFor(image, new CheckOptions(), progress).RunAsync<SyncIo>(CancellationToken.None));

        Assert.InRange(progress.Reports.Count, 2, 21);
        Assert.All(progress.Reports, report => Assert.Equal(21L << 20, report.TotalBytes));
        Assert.Equal(progress.Reports.Order(Comparer<OperationProgress>.Create((a, b) => a.DoneBytes.CompareTo(b.DoneBytes))), progress.Reports);
        Assert.Equal(21L << 20, progress.Reports[^1].DoneBytes);
    }

    [Fact]
    public void Check_ThatIsCancelled_Stops()
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable();

        Assert.ThrowsAny<OperationCanceledException>(() => SyncIo.Complete(CheckerFor(image, new CheckOptions()).RunAsync<SyncIo>(new CancellationToken(true))));
    }

    private static CheckReport Check(QedImageBytes image, CheckOptions? options = null) =>
        SyncIo.Complete(CheckerFor(image, options ?? new CheckOptions()).RunAsync<SyncIo>(CancellationToken.None));

    private static QedChecker CheckerFor(QedImageBytes image, CheckOptions options, IProgress<OperationProgress>? progress = null) =>
        new(image.File.Open(readOnly: true), image.Header.Parse(image.File.LengthBytes), image.File.LengthBytes, options, progress);

    private sealed class ProgressList : IProgress<OperationProgress>
    {
        public List<OperationProgress> Reports { get; } = [];

        public void Report(OperationProgress value) => Reports.Add(value);
    }
}
