using QedVd.Backends.Qed.Tests.Engine;
using QedVd.Backends.Qed.Tests.Format;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Traps;

/// <summary>What a check looks at, and what it makes of it.</summary>
public sealed class CheckTraps
{
    private const int Cluster = 4096;

    [Fact]
    [Trap("D01")]
    public void FlaggedImage_WithATableThatIsPartlyFilled_OpensForWriting()
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable().SetL2(3, 500, 1).SetHeader(header => header with { Features = 2 });

        using IDiskImage disk = new QedBackend().Open(image.File.Open(), new ImageOpenOptions());

        Assert.Equal(ImageFlags.None, disk.Flags);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(600)]
    [Trap("D01")]
    public void FlaggedImage_WithABadEntryAmongFreeOnes_IsRefused(int index)
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable().SetL2(3, index, 100 * Cluster).SetHeader(header => header with { Features = 2 });

        Assert.Equal(ImageErrorKind.Corrupt, Assert.Throws<ImageException>(() => new QedBackend().Open(image.File.Open(), new ImageOpenOptions())).Kind);
        Assert.Equal(1, Images.Check(image.File).Corruptions);

    }

    /// <summary>Three tables, one of them bad or unreadable: the verdict is the same wherever it stands.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [Trap("D02")]
    public void OneBadTable_SpoilsTheVerdict_WhateverTablesFollow(int bad)
    {
        QedImageBytes image = new(new QedHeaderBytes { ImageSize = 3 * 1024 * Cluster, Features = 2 });
        for (int table = 0; table < 3; table++)
        {
            long cluster = image.FirstFree + (table * 3);
            image.SetClusters(cluster + 3).SetL1(table, image.At(cluster)).SetL2(cluster, 0, image.At(cluster + 2));
        }

        Assert.True(Images.Check(image.File).IsClean);
        long tableOffset = (image.FirstFree + (bad * 3)) * Cluster;
        image.File.Fail(new StorageFault { Kind = StorageOperationKind.Read, IsSticky = true, Where = (offset, length) => offset < tableOffset + Cluster && offset + length > tableOffset });
        Assert.Equal(ImageErrorKind.Io, Assert.Throws<ImageException>(() => new QedBackend().Open(image.File.Open(), new ImageOpenOptions())).Kind);

        image.File.ClearFaults();
        image.SetL2(tableOffset / Cluster, 7, 4097);
        Assert.Equal(1, Images.Check(image.File).Corruptions);
        Assert.Equal(ImageErrorKind.Corrupt, Assert.Throws<ImageException>(() => new QedBackend().Open(image.File.Open(), new ImageOpenOptions())).Kind);
    }

    /// <summary>L1 is read more than once: a read that fails is seen whichever of them it is, and never makes clusters that are in use look lost.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Trap("D02")]
    public void EveryReadOfACheck_ThatFailsFromThenOn_IsSeen(bool isFlagged)
    {
        for (int nth = 1; ; nth++)
        {
            QedImageBytes image = new QedImageBytes(new QedHeaderBytes { Features = isFlagged ? 2UL : 0 }).AddUsualTable();
            StorageFault fault = image.File.Fail(new StorageFault { Kind = StorageOperationKind.Read, Nth = nth, IsSticky = true });
            CheckReport? report = null;
            try
            {
                using SimulatedStorage storage = image.File.Open(readOnly: true);
                report = SyncIo.Complete(new QedBackend().CheckAsync(storage, new CheckOptions()));
            }
            catch (ImageException exception)
            {
                Assert.Equal(ImageErrorKind.Io, exception.Kind);
            }

            if (fault.Hits == 0)
            {
                Assert.True(report!.IsClean);
                Assert.InRange(nth, 4, 20);
                return;
            }

            Assert.True(report is null || (report.CheckErrors > 0 && !report.IsSound && report.Leaks == 0), $"read {nth} failed, and the check says: {report}");
        }
    }

    /// <summary>Files of every small number of clusters: the last cluster is counted when it is used, and when it is not.</summary>
    [Fact]
    [Trap("D31")]
    public void FileOfAnyNumberOfClusters_IsCountedToItsLastOne()
    {
        for (int extra = 1; extra <= 70; extra++)
        {
            QedImageBytes image = new(new QedHeaderBytes { TableSize = 1 });
            image.SetClusters(3 + extra).SetL1(0, image.At(2));
            Assert.Equal(extra, Images.Check(image.File).Leaks);

            image.SetL2(2, 9, image.At(2 + extra));
            CheckReport report = Images.Check(image.File);
            Assert.Equal((0L, (long)extra - 1, (3L + extra) * Cluster), (report.Corruptions, report.Leaks, report.ImageEndOffset));

            image.File.Poke(image.File.LengthBytes + 99, [1]);
            Assert.Equal(extra - 1, Images.Check(image.File).Leaks);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(100)]
    [InlineData(Cluster)]
    [InlineData((16 * Cluster) - 1)]
    [Trap("D32")]
    public void FileShorterThanATable_HasRoomForNoTable(long fileLength)
    {
        QedHeader header = new QedHeaderBytes { TableSize = 16 }.Parse();
        QedReferenceRules rules = new(header, fileLength);

        for (ulong offset = 0; offset < 64 * Cluster; offset += Cluster)
        {
            Assert.Equal(QedReferenceProblem.OutsideFile, rules.CheckTable(offset));
        }

        Assert.Equal(QedReferenceProblem.OutsideFile, rules.CheckTable(ulong.MaxValue - Cluster + 1));
        Assert.Equal(QedReferenceProblem.OutsideFile, rules.CheckCluster((ulong)fileLength & ~4095UL));
    }

    /// <summary>A file that holds L1 and no more has no room for an L2 table.</summary>
    [Theory]
    [InlineData(17)]
    [InlineData(18)]
    [InlineData(32)]
    [Trap("D32")]
    public void TableThatDoesNotFitIntoTheFile_IsFound_AndFailsItsRange(long at)
    {
        QedImageBytes image = new(new QedHeaderBytes { TableSize = 16 });
        image.SetClusters(at + 1 > 32 ? 32 : at + 1).SetL1(0, image.At(at));

        Assert.Equal(1, Images.Check(image.File).Corruptions);
        using QedImage disk = Images.Open(image.File, readOnly: true);
        Assert.Equal(ImageErrorKind.Corrupt, Assert.Throws<ImageException>(() => disk.Read(0, new byte[10])).Kind);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [Trap("D33")]
    public void WholeHeaderArea_NamesNoData(int headerCluster)
    {
        QedImageBytes image = new QedImageBytes(new QedHeaderBytes { HeaderSize = 3, L1Offset = 3 * Cluster, Features = 1, NameOffset = 2 * Cluster, NameSize = 10 }).AddUsualTable();
        image.File.Poke(2 * Cluster, "parent.qed"u8);
        Assert.True(Images.Check(image.File).IsClean);

        image.SetL2(image.FirstFree, 5, image.At(headerCluster));

        Assert.Equal(1, Images.Check(image.File).Corruptions);
        using QedImage disk = Images.Open(image.File, readOnly: true);
        Assert.Equal(ImageErrorKind.Corrupt, Assert.Throws<ImageException>(() => disk.Read(5 * Cluster, new byte[10])).Kind);
    }

    [Fact]
    [Trap("D33")]
    public void L1OverTheHeader_IsRefused_AndLeaksAreCounted()
    {
        Assert.Equal(ImageErrorKind.Corrupt, Assert.Throws<ImageException>(() => new QedHeaderBytes { HeaderSize = 2 }.Parse()).Kind);
        Assert.Equal(ImageErrorKind.Corrupt, Assert.Throws<ImageException>(() => new QedHeaderBytes { L1Offset = 0 }.Parse(1 << 20)).Kind);

        CheckReport report = Images.Check(new QedImageBytes().AddUsualTable().SetClusters(20).File);
        Assert.Equal((0L, 12L), (report.Corruptions, report.Leaks));
    }

    /// <summary>Entries are little-endian wherever the code runs: the bytes are laid down one by one.</summary>
    [Fact]
    [Trap("D33")]
    public void Entries_AreLittleEndian()
    {
        QedImageBytes image = new QedImageBytes().SetClusters(300);
        image.File.Poke(Cluster, [0x00, 0x30, 0, 0, 0, 0, 0, 0]);
        image.File.Poke(3 * Cluster, [0x00, 0x00, 0x10, 0, 0, 0, 0, 0]);
        image.File.Poke(0x100000, [0xAB]);

        using QedImage disk = Images.Open(image.File, readOnly: true);

        Assert.Equal(0x100000, disk.Map(0, Cluster).StorageOffset);
        Assert.Equal(0xAB, GuestDisk.Read(disk, 0, 1)[0]);
        Assert.Equal(0, Images.Check(image.File).Corruptions);
    }

    /// <summary>No flag, no check: each entry is judged when it is used, and nothing but its own range suffers.</summary>
    [Theory]
    [InlineData(2UL)]
    [InlineData(Cluster + 512UL)]
    [InlineData(1UL * Cluster)]
    [InlineData(2UL * Cluster)]
    [InlineData(3UL * Cluster)]
    [InlineData(8UL * Cluster)]
    [InlineData(1UL << 40)]
    [InlineData(1UL << 63)]
    [InlineData(ulong.MaxValue - Cluster + 1)]
    [Trap("D34")]
    public void BadEntry_OfAnImageThatIsNotFlagged_LeadsNowhere(ulong value)
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable().SetL2(3, 1, value);
        byte[] before = image.File.ReadBytes(0, 3 * Cluster);
        using (IDiskImage disk = new QedBackend().Open(image.File.Open(), new ImageOpenOptions()))
        {
            Assert.Equal(ImageErrorKind.Corrupt, Assert.Throws<ImageException>(() => disk.Read(Cluster, new byte[10])).Kind);
            Assert.Equal(ImageErrorKind.Corrupt, Assert.Throws<ImageException>(() => disk.Write(Cluster, new byte[10])).Kind);
            Assert.Equal(ImageErrorKind.Corrupt, Assert.Throws<ImageException>(() => disk.WriteZeroes(Cluster, Cluster)).Kind);
            Assert.Equal(ImageErrorKind.Corrupt, Assert.Throws<ImageException>(() => disk.Discard(Cluster, Cluster)).Kind);
            disk.Write(0, new byte[10]);
        }

        Assert.Equal(before, image.File.ReadBytes(0, 3 * Cluster));
        Assert.Equal(value, new QedBytes(image.File).Entry(1));
    }

    [Theory]
    [InlineData(1UL)]
    [InlineData(Cluster + 512UL)]
    [InlineData(1UL << 40)]
    [InlineData(ulong.MaxValue - Cluster + 1)]
    [Trap("D34")]
    public void BadL1Entry_OfAnImageThatIsNotFlagged_LeadsNowhere(ulong value)
    {
        QedImageBytes image = new QedImageBytes(new QedHeaderBytes { ImageSize = 1 << 23 }).AddUsualTable().SetL1(1, value);
        byte[] before = image.File.ReadBytes(0, 5 * Cluster);
        using (IDiskImage disk = new QedBackend().Open(image.File.Open(), new ImageOpenOptions()))
        {
            Assert.Equal(ImageErrorKind.Corrupt, Assert.Throws<ImageException>(() => disk.Read(1024 * Cluster, new byte[10])).Kind);
            Assert.Equal(ImageErrorKind.Corrupt, Assert.Throws<ImageException>(() => disk.Write(1024 * Cluster, new byte[Cluster])).Kind);
            disk.Write(0, new byte[10]);
        }

        Assert.Equal(before, image.File.ReadBytes(0, 5 * Cluster));
    }

    [Theory]
    [InlineData(0UL)]
    [InlineData(2048UL)]
    [InlineData(1UL << 40)]
    [InlineData(ulong.MaxValue - Cluster + 1)]
    [Trap("D34")]
    public void L1OffsetOfAnImageThatIsNotFlagged_IsProvenAtOpen(ulong offset)
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable().SetHeader(header => header with { L1Offset = offset });

        Assert.Equal(ImageErrorKind.Corrupt, Assert.Throws<ImageException>(() => Images.Open(image.File, readOnly: true)).Kind);
        Assert.Equal(ImageErrorKind.Corrupt, Assert.Throws<ImageException>(() => Images.Open(image.File)).Kind);
    }
}
