using QedVd.Backends.Qed.Tests.Engine;
using QedVd.Backends.Qed.Tests.Format;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Repair;

/// <summary>What nothing refers to is given back: by moving the end of the file into the holes and cutting it.</summary>
public sealed class LeakTests
{
    private const int Cluster = 4096;

    [Fact]
    public async Task LeaksAtTheEnd_AndAPartialTail_AreCutOff()
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable().SetClusters(20);
        image.File.Poke(20 * Cluster, new byte[77]);

        CheckReport report = await Reclaim(image, leaks: 12, clusters: 8);

        Assert.Equal([RepairActionKind.ReclaimedLeaks, RepairActionKind.TrimmedTail], report.Repairs.Select(action => action.Kind));
        Assert.Equal((12L * Cluster, (12L * Cluster) + 77), (report.Repairs[0].LengthBytes, report.Repairs[1].LengthBytes));
    }

    [Fact]
    public async Task PartialTailAlone_IsCut()
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable();
        image.File.Poke(8 * Cluster, new byte[77]);

        await Reclaim(image, leaks: 0, clusters: 8);
    }

    [Fact]
    public async Task LeaksInTheMiddle_AreFilledWithData()
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable().SetClusters(12);
        image.SetL2(3, 100, image.At(11)).SetL2(3, 50, image.At(10));
        Fill(image, 10, 11);

        await Reclaim(image, leaks: 2, clusters: 10);
    }

    [Fact]
    public async Task LeaksInTheMiddle_AreFilledWithTables_OutOfWhichDataMovesFirst()
    {
        // Leaks: 3, 5, 7. The table goes where the data of 4 or 6 is.
        QedImageBytes image = TableForAWindowWithData();

        await Reclaim(image, leaks: 3, clusters: 7);
    }

    [Fact]
    public void TableThatTakesThePlaceOfData_IsWrittenWhenThatDataIsNamedElsewhereForSure()
    {
        QedImageBytes image = TableForAWindowWithData();
        SimulatedFile file = image.File.Copy();

        Repairs.Run(file, RepairMode.Leaks);

        int states = 0;
        foreach (CrashState state in CrashStates.OfPowerLoss(file, new PowerLossOptions { ExhaustiveUnits = 5, Samples = 100 }))
        {
            DiskView.Of(image.File).AssertKeptBy(DiskView.Of(state.File), () => state.Description);
            states++;
        }

        Assert.True(states > 50);
    }

    [Fact]
    public async Task TableAcrossTheHole_GoesRoundByTheEnd()
    {
        QedImageBytes image = new QedImageBytes().SetClusters(6);
        image.SetL1(0, image.At(4)).SetL2(4, 7, 1);

        await Reclaim(image, leaks: 1, clusters: 5);
    }

    [Fact]
    public async Task L1AtTheEnd_MovesToo_ByOneHeaderSector()
    {
        QedImageBytes image = new(new QedHeaderBytes { L1Offset = 9 * Cluster });
        image.SetL1(0, image.At(4)).SetL2(4, 0, image.At(6)).SetL2(4, 1, image.At(7));
        Fill(image, 6, 7);

        await Reclaim(image, leaks: 4, clusters: 7);
    }

    [Fact]
    public async Task ImageWithoutATable_ShrinksToHeaderAndL1() => await Reclaim(new QedImageBytes().SetClusters(40), leaks: 37, clusters: 3);

    [Fact]
    public async Task LeaksOfAHugeSparseFile_CostOnlyWhatIsUsed()
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable();
        long far = (1L << 40) / Cluster;
        image.SetClusters(far).SetL2(3, 100, image.At(far - 1));
        Fill(image, far - 1);
        byte[] data = image.File.ReadBytes((far - 1) * Cluster, Cluster);

        CheckReport report = Repairs.Run(image.File, RepairMode.Leaks);

        Assert.Equal((far - 9, 9L * Cluster), (report.LeaksFixed, image.File.LengthBytes));
        Assert.Equal(data, image.File.ReadBytes(8 * Cluster, Cluster));
        Images.AssertClean(image.File);
        await Task.CompletedTask;
    }

    [Fact]
    public void DamagedImage_IsNotTouchedWhenOnlyLeaksAreToBeRepaired()
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable().SetClusters(12).SetL2(3, 9, 4711);
        string hash = image.File.ComputeHash();

        CheckReport report = Repairs.Run(image.File, RepairMode.Leaks);

        Assert.Equal((hash, 4L, 0L), (image.File.ComputeHash(), report.Leaks, report.LeaksFixed));
        Assert.Contains("-r all", Assert.Single(report.Repairs).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void DryRun_SaysWhatWouldBeGained_AndWritesNothing()
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable().SetClusters(12);
        image.SetL2(3, 100, image.At(11));
        string hash = image.File.ComputeHash();

        CheckReport report = Repairs.Run(image.File, RepairMode.Leaks, dryRun: true);

        Assert.Equal((hash, 3L, 3L), (image.File.ComputeHash(), report.Leaks, report.LeaksFixed));
        Assert.Equal(3L * Cluster, Assert.Single(report.Repairs, action => action.Kind == RepairActionKind.TrimmedTail).LengthBytes);
    }

    [Fact]
    public void StorageThatCannotBeCut_HasItsLeaksPunched()
    {
        QedImageBytes image = new QedImageBytes(facts: SimulatedFile.GoodFacts & ~StorageFacts.CanSetLength).AddUsualTable().SetClusters(12);
        Fill(image, 9);

        CheckReport report = Repairs.Run(image.File, RepairMode.Leaks);

        Assert.Equal((4L, 0L), (report.Leaks, report.LeaksFixed));
        Assert.Contains("still count as leaks", Assert.Single(report.Repairs).Message, StringComparison.Ordinal);
        Assert.Equal(new byte[Cluster], image.File.ReadBytes(9 * Cluster, Cluster));
        Assert.Equal(12L * Cluster, image.File.LengthBytes);
    }

    [Fact]
    public void DataThatCannotBeRead_StaysWhereItIs_AndTheRestGoesOn()
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable().SetClusters(13);
        image.SetL2(3, 100, image.At(11)).SetL2(3, 101, image.At(12));
        Fill(image, 11, 12);
        image.File.Fail(new StorageFault { Kind = StorageOperationKind.Read, IsSticky = true, Where = (offset, length) => offset < 12 * Cluster && offset + length > 11 * Cluster });

        CheckReport report = Repairs.Run(image.File, RepairMode.Leaks);

        Assert.Equal((2L, 12L * Cluster), (report.Leaks, image.File.LengthBytes));
        Assert.Contains(report.Repairs, action => action.Kind == RepairActionKind.LeftAlone && action.Message.Contains("cannot be read", StringComparison.Ordinal));
    }

    private static QedImageBytes TableForAWindowWithData()
    {
        QedImageBytes image = new QedImageBytes().SetClusters(10);
        Fill(image, 4, 6);
        image.SetL1(0, image.At(8));
        return image.SetL2(8, 0, image.At(4)).SetL2(8, 1, image.At(6));
    }

    private static void Fill(QedImageBytes image, params long[] clusters)
    {
        foreach (long cluster in clusters)
        {
            image.File.Poke(cluster * Cluster, ConcurrencyTests.Pattern(Cluster, (int)(cluster & 0xFF)));
        }
    }

    private static async Task<CheckReport> Reclaim(QedImageBytes image, long leaks, long clusters)
    {
        CheckReport found = Images.Check(image.File);
        Assert.Equal((leaks, true), (found.Leaks, found.IsSound));
        DiskView before = DiskView.Of(image.File);

        CheckReport report = Repairs.Run(image.File, RepairMode.Leaks);

        string Describe() => Repairs.Show(report);
        before.AssertKeptBy(DiskView.Of(image.File), Describe);
        Assert.Equal((leaks, 0L), (report.LeaksFixed, report.Leaks));
        Assert.Equal(clusters * Cluster, image.File.LengthBytes);
        Images.AssertClean(image.File);
        using QemuImg qemu = new();
        qemu.Save(image.File);
        Func<string, long> verdict = await qemu.CheckAsync();
        RandomRepairTests.Require((verdict("corruptions"), verdict("leaks"), verdict("check-errors")) == (0, 0, 0), Describe);
        return report;
    }
}
