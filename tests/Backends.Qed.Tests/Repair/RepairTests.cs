using System.Buffers.Binary;
using QedVd.Backends.Qed.Tests.Engine;
using QedVd.Backends.Qed.Tests.Format;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Repair;

/// <summary>
/// Each kind of damage: what the repair makes of it and says of it. Geometry: clusters of 4 KiB, tables of 2; header in cluster 0, L1 in 1 and 2, the
/// first L2 table in 3 and 4, data in 5, 6, 7.
/// </summary>
public sealed class RepairTests
{
    private const int Cluster = 4096;
    private const long BytesPerL2 = 1024L * Cluster;

    [Theory]
    [InlineData(2UL, "no multiple of the cluster size")]
    [InlineData(5UL * 4096 + 8, "no multiple of the cluster size")]
    [InlineData(4096UL * 8, "not inside the file")]
    [InlineData(1UL << 63, "not inside the file")]
    [InlineData(ulong.MaxValue - 4095, "not inside the file")]
    [InlineData(4096UL, "inside the L1 table")]
    [InlineData(8192UL, "inside the L1 table")]
    public async Task L2EntryThatLeadsNowhere_IsCleared_AndItsRangeIsReportedLost(ulong value, string why)
    {
        QedImageBytes image = Usual().SetL2(3, 9, value);

        CheckReport report = await Mend(image);

        Assert.Equal((1, 0, 0), (report.CorruptionsFixed, report.LeaksFixed, report.Corruptions));
        RepairAction action = Assert.Single(report.Repairs);
        Assert.Equal((RepairActionKind.ClearedEntry, 9L * Cluster, (long)Cluster, true), (action.Kind, action.DiskOffset, action.LengthBytes, action.IsLoss));
        Assert.Contains(why, action.Message, StringComparison.Ordinal);
        Assert.Equal(0UL, Entry(image, 3, 9));
    }

    [Fact]
    public async Task L2EntryInTheHeaderArea_IsCleared()
    {
        QedImageBytes image = new(new QedHeaderBytes { HeaderSize = 2, L1Offset = 8192 });
        image.SetClusters(6).SetL1(0, image.At(4)).SetL2(4, 0, 4096);

        CheckReport report = await Mend(image);

        Assert.Contains("inside the header area", Assert.Single(report.Repairs).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ClearedEntry_WithAParent_ReadsZeros_AndNotWhatTheParentHasThere()
    {
        QedImageBytes image = Usual(new QedHeaderBytes { Features = 1, NameOffset = 64, NameSize = 5 }).SetL2(3, 9, 4096UL * 80);
        image.File.Poke(64, "p.qed"u8);

        await Mend(image);

        Assert.Equal(1UL, Entry(image, 3, 9));
    }

    [Theory]
    [InlineData(1UL)]
    [InlineData(4097UL)]
    [InlineData(4096UL)]
    [InlineData(8192UL)]
    [InlineData(4096UL * 8)]
    [InlineData(1UL << 63)]
    public async Task L1EntryThatLeadsNowhere_IsCleared_AndItsRangeIsReportedLost(ulong value)
    {
        QedImageBytes image = Usual(new QedHeaderBytes { ImageSize = (ulong)BytesPerL2 + 8192 }).SetL1(1, value);

        CheckReport report = await Mend(image);

        RepairAction action = Assert.Single(report.Repairs);
        Assert.Equal((RepairActionKind.ClearedEntry, BytesPerL2, 8192L, true), (action.Kind, action.DiskOffset, action.LengthBytes, action.IsLoss));
        Assert.True(report.CorruptionsFixed > 0);
    }

    [Fact]
    public async Task EntriesBeyondTheDisk_AreCleared_WithoutLoss()
    {
        // The disk has 256 clusters, the table describes 1024; L1 entry 7 names a place that data has.
        QedImageBytes image = Usual().SetL2(3, 300, 5 * Cluster).SetL2(3, 301, 4711).SetL1(7, 5 * Cluster).SetL1(8, 3);

        CheckReport report = await Mend(image);

        Assert.Equal(4, report.Repairs.Count);
        Assert.All(report.Repairs, action => Assert.Equal((RepairActionKind.ClearedEntry, false), (action.Kind, action.IsLoss)));
        Assert.Equal(8 * Cluster, image.File.LengthBytes);
    }

    [Fact]
    public async Task SharedCluster_IsCopiedApart_ForEachFurtherReader()
    {
        QedImageBytes image = Usual().SetL2(3, 20, 6 * Cluster).SetL2(3, 21, 6 * Cluster).SetL2(3, 22, 5 * Cluster);

        CheckReport report = await Mend(image);

        Assert.Equal((3, 11L * Cluster), (report.CorruptionsFixed, image.File.LengthBytes));
        Assert.Equal([20L * Cluster, 21L * Cluster, 22L * Cluster], report.Repairs.Where(action => action.Kind == RepairActionKind.CopiedApart).Select(action => action.DiskOffset));
        Assert.DoesNotContain(report.Repairs, action => action.IsLoss);
    }

    [Fact]
    public async Task TableNamedTwice_IsCopiedApart_WithItsData()
    {
        QedImageBytes image = Usual(new QedHeaderBytes { ImageSize = (ulong)BytesPerL2 * 2 }).SetL1(1, 3 * Cluster);
        image.SetL2(3, 50, 1);

        CheckReport report = await Mend(image);

        // Another table of 2 clusters and 3 clusters of data.
        Assert.Equal(13L * Cluster, image.File.LengthBytes);
        Assert.Contains(report.Repairs, action => action.Kind == RepairActionKind.CopiedApart && action.DiskOffset == BytesPerL2 && action.LengthBytes == BytesPerL2);
    }

    [Fact]
    public async Task TablesThatOverlap_BothKeepWhatTheyLeadTo()
    {
        QedImageBytes image = Usual(new QedHeaderBytes { ImageSize = (ulong)BytesPerL2 * 2 }).SetL2(3, 600, 7 * Cluster).SetClusters(8);
        image.SetL2(3, 2, 0).SetL1(1, 4 * Cluster);

        await Mend(image);
    }

    [Fact]
    public async Task DataEntryInATable_KeepsItsBytes_AndTheTableMovesAway()
    {
        QedImageBytes image = Usual().SetL2(3, 30, 4 * Cluster).SetL2(3, 31, 3 * Cluster);

        CheckReport report = await Mend(image);

        Assert.Equal([30L * Cluster, 31L * Cluster], report.Repairs.Where(action => action.IsLoss).Select(action => action.DiskOffset));
        // Two clusters more: those of the old table are data now.
        Assert.Equal(10L * Cluster, image.File.LengthBytes);
    }

    [Fact]
    public async Task TableThatIsReallyData_IsNotWrittenTo()
    {
        // L1 entry 1 names two clusters of data; what is in them looks like nothing but invalid entries.
        QedImageBytes image = Usual(new QedHeaderBytes { ImageSize = (ulong)BytesPerL2 * 2 }).SetL1(1, 6 * Cluster);

        CheckReport report = await Mend(image);

        Assert.True(report.CorruptionsFixed > 1000);
    }

    [Fact]
    public async Task CutOffCluster_KeepsWhatIsLeftOfIt_AndTheRestIsReportedLost()
    {
        QedImageBytes image = Usual();
        byte[] left = image.File.ReadBytes(7 * Cluster, 1000);
        Cut(image, (7 * Cluster) + 1000);

        CheckReport report = await Mend(image, mayKeepTails: true);

        RepairAction action = Assert.Single(report.Repairs);
        Assert.Equal((RepairActionKind.ExtendedTail, (2L * Cluster) + 1000, Cluster - 1000L, true), (action.Kind, action.DiskOffset, action.LengthBytes, action.IsLoss));
        Assert.Equal([.. left, .. new byte[Cluster - 1000]], image.File.ReadBytes(7 * Cluster, Cluster));
    }

    [Fact]
    public async Task CutOffTable_KeepsTheEntriesThatAreLeft()
    {
        QedImageBytes image = Usual(new QedHeaderBytes { ImageSize = (ulong)BytesPerL2 * 2 });
        image.SetClusters(11).SetL1(1, image.At(9)).SetL2(9, 5, image.At(8));
        Cut(image, (10 * Cluster) + 800);

        CheckReport report = await Mend(image, mayKeepTails: true);

        RepairAction action = Assert.Single(report.Repairs);
        Assert.Equal((RepairActionKind.ExtendedTail, BytesPerL2 + ((512L + 100) * Cluster)), (action.Kind, action.DiskOffset));
        Assert.Equal(8UL * Cluster, Entry(image, 9, 5));
    }

    [Fact]
    public async Task TwoCopiesInTheSamePlace_NeverHappen_WhereAnInvalidEntryNamesThePlaceBehindTheEnd()
    {
        QedImageBytes image = Usual().SetL2(3, 20, 6 * Cluster).SetL2(3, 100, 8 * Cluster).SetL2(3, 21, 7 * Cluster);
        SimulatedFile file = image.File.Copy();
        Repairs.Run(file);

        foreach (CrashState state in CrashStates.OfPowerLoss(file, new PowerLossOptions { ExhaustiveUnits = 5, Samples = 20 }))
        {
            DiskView.Of(image.File).AssertKeptBy(DiskView.Of(state.File), () => state.Description, isMended: false);
        }

        await Mend(image);
    }

    [Fact]
    public void Mark_IsClearedLast_BehindABarrier_AndUnknownAutoclearBitsFirst()
    {
        QedImageBytes image = Usual(new QedHeaderBytes { Features = 2, Autoclear = 0x30, Compat = 0x70 }).SetL2(3, 20, 6 * Cluster).SetL2(3, 21, 3);
        SimulatedFile file = image.File.Copy();

        CheckReport report = Repairs.Run(file);

        StorageOperation[] changes = [.. file.Trace.Where(operation => operation.IsChange || operation.Kind == StorageOperationKind.Barrier)];
        Assert.Equal((StorageOperationKind.Write, 0L, StorageOperationKind.Barrier), (changes[0].Kind, changes[0].Offset, changes[1].Kind));
        Assert.Equal(0UL, BinaryPrimitives.ReadUInt64LittleEndian(changes[0].Data.Span[32..]));
        Assert.Equal(2UL, BinaryPrimitives.ReadUInt64LittleEndian(changes[0].Data.Span[16..]));
        Assert.Equal((StorageOperationKind.Barrier, StorageOperationKind.Write, 0L, StorageOperationKind.Barrier), (changes[^3].Kind, changes[^2].Kind, changes[^2].Offset, changes[^1].Kind));
        QedHeader header = QedHeader.Parse(file.ReadBytes(0, 64), file.LengthBytes, "a");
        Assert.Equal((0UL, 0UL, 0x70UL), (header.Features, header.AutoclearFeatures, header.CompatFeatures));
        Assert.Equal(RepairActionKind.ClearedMark, report.Repairs[^1].Kind);
        Assert.False(report.NeedsCheck);
    }

    [Fact]
    public void SoundImage_IsNotWrittenTo()
    {
        QedImageBytes image = Usual(new QedHeaderBytes { Autoclear = 1 });

        CheckReport report = Repairs.Run(image.File);

        Assert.Empty(report.Repairs);
        Assert.Equal(0, image.File.CountOfChanges());
    }

    [Fact]
    public void TableThatCannotBeRead_IsLeftAlone_AsAreTheOthers_AndTheMarkStays_UntilItCanBeRead()
    {
        QedImageBytes image = Usual(new QedHeaderBytes { Features = 2, ImageSize = (ulong)BytesPerL2 * 2 });
        image.SetClusters(11).SetL1(1, image.At(8)).SetL2(8, 0, image.At(10)).SetL2(8, 1, image.At(5)).SetL2(3, 50, 4711).SetL2(3, 51, 6 * Cluster);
        string before = Convert.ToHexString(image.File.ReadBytes(8 * Cluster, 3 * Cluster));
        image.File.Fail(new StorageFault { Kind = StorageOperationKind.Read, IsSticky = true, Where = (offset, length) => offset < 9 * Cluster && offset + length > 8 * Cluster });

        CheckReport report = Repairs.Run(image.File);

        Assert.Equal((true, 1L, 2L), (report.NeedsCheck, report.CheckErrors, report.Corruptions));
        Assert.Contains(report.Repairs, action => action.Kind == RepairActionKind.LeftAlone && action.Message.Contains("L1 entry 1", StringComparison.Ordinal));
        Assert.Contains(report.Repairs, action => action.Kind == RepairActionKind.LeftAlone && action.Message.Contains("entry 50 is 4711", StringComparison.Ordinal));
        Assert.Equal(before, Convert.ToHexString(image.File.ReadBytes(8 * Cluster, 3 * Cluster)));
        Assert.Equal((4711UL, 6UL * Cluster), (Entry(image, 3, 50), Entry(image, 3, 51)));
        Assert.Equal(11L * Cluster, image.File.LengthBytes);
        image.File.ClearFaults();
        Assert.True(Repairs.Run(image.File).IsClean);
    }

    [Fact]
    public void SharedClusterThatCannotBeRead_StaysShared_AndSaysSo()
    {
        QedImageBytes image = Usual(new QedHeaderBytes { Features = 2 }).SetL2(3, 20, 6 * Cluster).SetL2(3, 21, 7 * Cluster);
        image.File.Fail(new StorageFault { Kind = StorageOperationKind.Read, IsSticky = true, Where = (offset, length) => offset < 7 * Cluster && offset + length > 6 * Cluster });

        CheckReport report = Repairs.Run(image.File);

        Assert.Equal((true, 1L, 1L), (report.NeedsCheck, report.Corruptions, report.CorruptionsFixed));
        Assert.Contains(report.Repairs, action => action.Kind == RepairActionKind.LeftAlone && action.Message.Contains("24576", StringComparison.Ordinal));
        Assert.Equal(6UL * Cluster, Entry(image, 3, 20));
    }

    [Fact]
    public void TableCopiedApart_WithDataThatCannotBeRead_NamesThatDataStill()
    {
        QedImageBytes image = Usual(new QedHeaderBytes { ImageSize = (ulong)BytesPerL2 * 2 }).SetL1(1, 3 * Cluster);
        DiskView before = DiskView.Of(image.File);
        image.File.Fail(new StorageFault { Kind = StorageOperationKind.Read, IsSticky = true, Where = (offset, length) => offset < 7 * Cluster && offset + length > 6 * Cluster });

        CheckReport report = Repairs.Run(image.File);

        Assert.Equal(1, report.Corruptions);
        before.AssertKeptBy(DiskView.Of(image.File), () => Repairs.Show(report));
        image.File.ClearFaults();
        Assert.True(Repairs.Run(image.File).IsClean);
        before.AssertKeptBy(DiskView.Of(image.File), () => Repairs.Show(report));
    }

    [Fact]
    public void L1EntryBehindTheEnd_NeverComesToLeadToCopies()
    {
        // Were the copies of 5 and 6 taken for a table, their first entries would lead to cluster 7.
        QedImageBytes image = Usual(new QedHeaderBytes { ImageSize = (ulong)BytesPerL2 * 2 }).SetL1(1, 8 * Cluster).SetL2(3, 20, 5 * Cluster).SetL2(3, 21, 6 * Cluster);
        image.SetL2(5, 0, 7 * Cluster).SetL2(6, 0, 7 * Cluster);
        SimulatedFile file = image.File.Copy();

        Repairs.Run(file);

        foreach (CrashState state in CrashStates.OfPowerLoss(file, new PowerLossOptions { ExhaustiveUnits = 5, Samples = 50 }))
        {
            DiskView.Of(image.File).AssertKeptBy(DiskView.Of(state.File), () => state.Description, isMended: false);
        }
    }

    [Fact]
    public void FullVolume_IsMetBeforeTheFirstCopy_AndSaysHowMuchIsNeeded()
    {
        QedImageBytes image = Usual().SetL2(3, 20, 6 * Cluster).SetL2(3, 21, 7 * Cluster);
        image.File.Fail(StorageOperationKind.Allocate, error: ImageErrorKind.OutOfSpace);

        ImageException exception = Assert.Throws<ImageException>(() => Repairs.Run(image.File));

        Assert.Equal(ImageErrorKind.OutOfSpace, exception.Kind);
        Assert.Contains("needs 2 clusters", exception.Message, StringComparison.Ordinal);
        Assert.Equal((8L * Cluster, 0), (image.File.LengthBytes, image.File.CountOf(StorageOperationKind.Write)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void VolumeWithoutRoomToMoveIntoHoles_KeepsTheLeaksAsHoles_AndTheReportOfWhatWasLost(bool isTable)
    {
        // Clusters 5 to 7, or 6, are nobody's. Behind them lies what would have to move into them.
        QedImageBytes image = Usual().SetL2(3, 9, 4711);
        if (isTable)
        {
            image.SetClusters(10).SetL2(3, 0, 0).SetL2(3, 1, 0).SetL2(3, 2, 0);
            image.SetHeader(header => header with { ImageSize = (ulong)BytesPerL2 * 2 }).SetL1(1, 8 * Cluster).SetL2(8, 0, 1);
        }
        else
        {
            image.SetL2(3, 1, 0);
        }

        image.File.Fail(new StorageFault
        {
            Kind = StorageOperationKind.Write,
            Error = ImageErrorKind.OutOfSpace,
            Where = (offset, _) => offset is >= 5 * Cluster and < 8 * Cluster,
            IsSticky = true,
        });
        CheckReport report = Repairs.Run(image.File);

        Assert.Equal((0L, isTable ? 3L : 1L), (report.Corruptions, report.Leaks));
        Assert.Contains(report.Repairs, action => action.IsLoss && action.DiskOffset == 9 * Cluster);
        Assert.Contains(report.Repairs, action => action.Message.Contains("no room to move", StringComparison.Ordinal));
        Assert.Contains(report.Repairs, action => action.Kind == RepairActionKind.ReclaimedLeaks);
    }

    [Fact]
    public void ReadOnlyStorage_IsRefused_UnlessItIsADryRun()
    {
        QedImageBytes image = Usual().SetL2(3, 20, 6 * Cluster);
        using SimulatedStorage storage = image.File.Open(readOnly: true);

        ImageException exception = Assert.Throws<ImageException>(() => SyncIo.Complete(new QedBackend().CheckAsync(storage, new CheckOptions { Repair = RepairMode.All })));

        Assert.Equal(ImageErrorKind.ReadOnly, exception.Kind);
        CheckReport told = Repairs.Run(image.File, dryRun: true);
        Assert.Equal((1, 1), (told.Corruptions, told.CorruptionsFixed));
        Assert.Contains(told.Repairs, action => action.Kind == RepairActionKind.CopiedApart);
    }

    [Fact]
    public void Report_KeepsTheFirstActions_AndTellsAll()
    {
        QedImageBytes image = Usual();
        for (int i = 10; i < 60; i++)
        {
            image.SetL2(3, i, 4711);
        }

        List<RepairAction> told = [];
        using SimulatedStorage storage = image.File.Open();
        CheckReport report = SyncIo.Complete(new QedBackend().CheckAsync(storage, new CheckOptions { Repair = RepairMode.All, MaxReportedFindings = 7, OnRepair = told.Add }));

        Assert.Equal((7, 50, 50), (report.Repairs.Count, told.Count, report.CorruptionsFixed));
    }

    private static QedImageBytes Usual(QedHeaderBytes? header = null)
    {
        QedImageBytes image = new QedImageBytes(header).AddUsualTable();
        for (int i = 0; i < 3; i++)
        {
            image.File.Poke((5 + i) * Cluster, ConcurrencyTests.Pattern(Cluster, 5 + i));
        }

        return image;
    }

    private static ulong Entry(QedImageBytes image, long table, int index) => BinaryPrimitives.ReadUInt64LittleEndian(image.File.ReadBytes((table * Cluster) + (index * 8), 8));

    private static void Cut(QedImageBytes image, long length)
    {
        using SimulatedStorage storage = image.File.Open();
        storage.SetLength(length);
        storage.Barrier();
    }

    /// <summary>The check names the damage; the repair mends it, keeps what was reachable, and qemu-img agrees.</summary>
    private static async Task<CheckReport> Mend(QedImageBytes image, bool mayKeepTails = false)
    {
        Assert.False(Images.Check(image.File).IsSound);
        DiskView before = DiskView.Of(image.File);

        CheckReport report = Repairs.Run(image.File);

        string Describe() => Repairs.Show(report);
        before.AssertKeptBy(DiskView.Of(image.File), Describe, mayKeepTails: mayKeepTails);
        RandomRepairTests.Require(report.IsClean && Images.Check(image.File).IsClean, Describe);
        using QemuImg qemu = new();
        qemu.Save(image.File);
        await File.WriteAllBytesAsync(qemu.PathOf("p.qed"), new byte[512], TestContext.Current.CancellationToken);
        Func<string, long> verdict = await qemu.CheckAsync();
        RandomRepairTests.Require((verdict("corruptions"), verdict("leaks"), verdict("check-errors")) == (0, 0, 0), Describe);
        return report;
    }
}
