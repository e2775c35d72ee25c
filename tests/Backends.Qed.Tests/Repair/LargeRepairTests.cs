using QedVd.Backends.Qed.Tests.Engine;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Repair;

/// <summary>Repairs of more than one batch takes, and on storages that cannot do everything.</summary>
public sealed class LargeRepairTests
{
    private const int Many = 20_000;

    [Fact]
    public void MoreBadL1Entries_ThanOneBatchTakes_AreAllCounted_AndAllCleared()
    {
        QedImageBytes image = new(new QedHeaderBytes { ClusterSize = 65536, TableSize = 16, L1Offset = 65536, ImageSize = (ulong)Many << 33 });
        image.SetClusters(17);
        byte[] bad = new byte[Many * 8];
        bad.AsSpan().Fill(0x33);
        image.File.Poke(65536, bad);

        CheckReport before = Images.Check(image.File);
        Assert.Equal(Many, before.Corruptions);
        Assert.InRange(before.Findings.Count, 1, Many - 1);

        CheckReport report = Repairs.Run(image.File);
        Assert.Equal((Many, 0), (report.CorruptionsFixed, report.Corruptions));
        Images.AssertClean(image.File);
        Assert.All(image.File.ReadBytes(65536, Many * 8), value => Assert.Equal(0, value));
    }

    [Fact]
    public void AClusterWithMoreReaders_ThanOneBatchTakes_IsCopiedApartForEach()
    {
        // Without bytes: a hole, which costs no room when it is copied.
        QedImageBytes image = new(new QedHeaderBytes { ClusterSize = 4096, TableSize = 16, L1Offset = 4096, ImageSize = 3 * 8192UL * 4096 });
        image.SetClusters(66);
        byte[] entries = new byte[8192 * 8];
        for (int i = 0; i < 8192; i++)
        {
            System.Buffers.Binary.BinaryPrimitives.WriteUInt64LittleEndian(entries.AsSpan(i * 8), image.At(65));
        }

        for (int table = 0; table < 3; table++)
        {
            image.SetL1(table, image.At(17 + (16 * table)));
            image.File.Poke((17 + (16 * table)) * 4096, table == 2 ? entries.AsSpan(0, (Many - 16384) * 8) : entries);
        }

        CheckReport report = Repairs.Run(image.File);

        Assert.Equal(0, report.Corruptions);
        Images.AssertClean(image.File);
        using QedImage disk = Images.Open(image.File, readOnly: true);
        Assert.Equal(Many, Enumerable.Range(0, Many).Select(cluster => disk.Map(cluster * 4096L, 4096).StorageOffset).Distinct().Count());
    }

    [Theory]
    [InlineData(StorageFacts.CanPunchHoles)]
    [InlineData(StorageFacts.CanPunchHoles | StorageFacts.CanMapHoles)]
    [InlineData(StorageFacts.None)]
    public void SharedCluster_WithAHoleInIt_IsCopiedWhole_OnAStorageWithout(StorageFacts missing)
    {
        const int Cluster = 1 << 20;
        QedImageBytes image = new(new QedHeaderBytes { ClusterSize = Cluster, TableSize = 1, L1Offset = Cluster, ImageSize = 8 * Cluster }, SimulatedFile.GoodFacts & ~missing);
        image.SetClusters(4).SetL1(0, image.At(2)).SetL2(2, 0, image.At(3)).SetL2(2, 5, image.At(3));
        byte[] start = ConcurrencyTests.Pattern(100_000, 3), end = ConcurrencyTests.Pattern(4096, 4);
        image.File.Poke(3 * Cluster, start);
        image.File.Poke((4 * Cluster) - 4096, end);
        byte[] expected = new byte[Cluster];
        start.CopyTo(expected, 0);
        end.CopyTo(expected, Cluster - 4096);

        Assert.Equal(0, Repairs.Run(image.File).Corruptions);

        Images.AssertClean(image.File);
        using QedImage disk = Images.Open(image.File, readOnly: true);
        Assert.NotEqual(disk.Map(0, 1).StorageOffset, disk.Map(5 * Cluster, 1).StorageOffset);
        Assert.Equal(expected, GuestDisk.Read(disk, 0, Cluster));
        Assert.Equal(expected, GuestDisk.Read(disk, 5 * Cluster, Cluster));
    }

    [Fact]
    public void SharedClusters_InAStorageThatCannotGrow_AreLeftAlone_AndTheRepairSaysWhy()
    {
        QedImageBytes image = new QedImageBytes(null, SimulatedFile.GoodFacts & ~StorageFacts.CanSetLength).AddUsualTable();
        image.SetL2(3, 9, image.At(5));
        string before = image.File.ComputeHash();

        ImageException refused = Assert.Throws<ImageException>(() => Repairs.Run(image.File));

        Assert.Equal(ImageErrorKind.NotSupported, refused.Kind);
        Assert.Contains("cannot grow", refused.Message, StringComparison.Ordinal);
        Assert.Equal(before, image.File.ComputeHash());
    }
}
