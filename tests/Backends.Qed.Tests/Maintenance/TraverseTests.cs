using QedVd.Backends.Qed.Tests.Engine;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Maintenance;

public sealed class TraverseTests
{
    private const int Cluster = 4096;
    private const long PerTable = 1024L * Cluster;

    [Fact]
    public async Task Traverse_TellsHeaderL1Tables_ThenTheirData_InOnePieceWhereItIsOne()
    {
        QedImageBytes bytes = new QedImageBytes(new QedHeaderBytes { ImageSize = 2 * 1024 * Cluster }).AddUsualTable().SetClusters(12);
        bytes.SetL1(1, bytes.At(8)).SetL2(8, 5, bytes.At(11)).SetL2(8, 4, bytes.At(10)).SetL2(8, 6, 1);
        await using QedImage image = Images.Open(bytes.File, readOnly: true);

        Assert.Equal(
            [
                new MetadataChunk(MetadataChunkKind.Header, 0, Cluster),
                new MetadataChunk(MetadataChunkKind.TopTable, Cluster, 2 * Cluster, 0),
                new MetadataChunk(MetadataChunkKind.Table, 3 * Cluster, 2 * Cluster, 0),
                new MetadataChunk(MetadataChunkKind.Data, 5 * Cluster, 3 * Cluster, 0),
                new MetadataChunk(MetadataChunkKind.Table, 8 * Cluster, 2 * Cluster, 1024 * Cluster),
                new MetadataChunk(MetadataChunkKind.Data, 10 * Cluster, 2 * Cluster, 1028 * Cluster),
            ],
            await ListAsync(image));
    }

    [Fact]
    public async Task Traverse_LeavesOutWhatMayNotStand_AndGivesNoPlaceOnTheDiskToWhatLiesBeyondIt()
    {
        QedImageBytes bytes = new QedImageBytes(new QedHeaderBytes { ImageSize = (2 * Cluster) - 512 }).AddUsualTable().SetClusters(12);
        bytes.SetL2(3, 100, 5).SetL2(3, 101, bytes.At(1)).SetL2(3, 102, bytes.At(99)).SetL1(3, 5).SetL1(4, bytes.At(9));
        await using QedImage image = Images.Open(bytes.File, readOnly: true);

        Assert.Equal(
            [
                new MetadataChunk(MetadataChunkKind.Table, 3 * Cluster, 2 * Cluster, 0),
                new MetadataChunk(MetadataChunkKind.Data, 5 * Cluster, 2 * Cluster, 0),
                new MetadataChunk(MetadataChunkKind.Data, 7 * Cluster, Cluster),
                new MetadataChunk(MetadataChunkKind.Table, 9 * Cluster, 2 * Cluster),
            ],
            (await ListAsync(image)).Skip(2));
    }

    [Fact]
    public async Task Traverse_TableThatCannotBeRead_EndsItWithAnError()
    {
        QedImageBytes bytes = new QedImageBytes().AddUsualTable();
        await using QedImage image = Images.Open(bytes.File, readOnly: true);
        bytes.File.Fail(new StorageFault { Kind = StorageOperationKind.Read, IsSticky = true, Where = (offset, _) => offset >= 3 * Cluster });

        Assert.Equal(ImageErrorKind.Io, (await Assert.ThrowsAsync<ImageException>(() => ListAsync(image))).Kind);
    }

    [Fact]
    public async Task Traverse_OfAnImageThatIsWrittenTo_SeesWhatWasAcknowledged_AndChangesNothingMore()
    {
        await using QedImage image = Images.Open(Images.Create(1 << 20));
        image.Write(0, new byte[Cluster]);
        image.Write(7 * Cluster, Enumerable.Repeat((byte)1, Cluster).ToArray());

        List<MetadataChunk> chunks = await ListAsync(image);

        Assert.Contains(chunks, chunk => chunk.Kind == MetadataChunkKind.Data && chunk.DiskOffset == 7 * Cluster && chunk.StorageOffset == image.Map(7 * Cluster, Cluster).StorageOffset);
        Assert.Equal(0, image.DirtySlices);
        Assert.Equal(chunks, await ListAsync(image));
    }

    [Fact]
    public async Task Traverse_WhileTheDiskBecomesSmaller_SaysSo()
    {
        SimulatedFile file = Images.Create(2000L * 512 * Cluster, Cluster, 2);
        await using QedImage image = Images.Open(file);
        image.Write(0, new byte[Cluster]);
        image.Write(1200L * 512 * Cluster, new byte[Cluster]);
        ImageException refused = await Assert.ThrowsAsync<ImageException>(async () =>
        {
            await foreach (MetadataChunk chunk in image.TraverseAsync(TestContext.Current.CancellationToken))
            {
                if (chunk.Kind == MetadataChunkKind.Table && chunk.DiskOffset > 0)
                {
                    await image.ResizeAsync(100 * Cluster, mayShrink: true, cancellationToken: TestContext.Current.CancellationToken);
                }
            }
        });
        Assert.Equal(ImageErrorKind.InUse, refused.Kind);
    }

    [Fact]
    public async Task Traverse_WhileATableBehindItIsDropped_GoesOnWithoutIt()
    {
        await using QedImage image = WithFourTables();

        List<long> tables = await TablesMetWhileOneIsDroppedAsync(image, 3);

        Assert.Equal([0, PerTable, 2 * PerTable], tables.Where(offset => offset != 3 * PerTable));
        Assert.Equal(ConcurrencyTests.Pattern(Cluster, 3), GuestDisk.Read(image, 2 * PerTable, Cluster));
    }

    [Fact]
    public async Task Traverse_WhileACompactionDropsATable_AndMovesTheNext_FindsTheNextWhereItIs()
    {
        await using QedImage image = WithFourTables();

        List<long> tables = await TablesMetWhileOneIsDroppedAsync(image, 2);

        Assert.Equal([0, PerTable, 3 * PerTable], tables);
        Assert.Equal(ConcurrencyTests.Pattern(Cluster, 4), GuestDisk.Read(image, 3 * PerTable, Cluster));
    }

    [Fact]
    public async Task Traverse_TellsOneRunOfDataThatIsInOnePiece_AndWhatLiesBehindTheDisksEndApart()
    {
        const int Clusters = 70_000;
        const int OnDisk = Clusters - 5;
        QedImageBytes bytes = new(new QedHeaderBytes { TableSize = 16, ClusterSize = 65536, L1Offset = 65536, ImageSize = OnDisk * 65536UL });
        bytes.SetClusters(33 + Clusters).SetL1(0, bytes.At(17));
        byte[] entries = new byte[Clusters * 8];
        for (int i = 0; i < Clusters; i++)
        {
            System.Buffers.Binary.BinaryPrimitives.WriteUInt64LittleEndian(entries.AsSpan(i * 8), bytes.At(33 + i));
        }

        bytes.File.Poke(17 * 65536, entries);
        await using QedImage image = Images.Open(bytes.File, readOnly: true);

        List<MetadataChunk> data = [.. (await ListAsync(image)).Where(chunk => chunk.Kind == MetadataChunkKind.Data)];

        Assert.Equal([(33L * 65536, OnDisk * 65536L, 0L), ((33L + OnDisk) * 65536, 5 * 65536L, -1L)], data.Select(chunk => (chunk.StorageOffset, chunk.LengthBytes, chunk.DiskOffset)));
    }

    [Fact]
    public async Task Traverse_OfAHugeImage_HoldsNoMemoryInProportion()
    {
        QedImageBytes bytes = new(new QedHeaderBytes { ClusterSize = 65536, TableSize = 16, L1Offset = 65536, ImageSize = 1UL << 45 });
        bytes.SetClusters(17 + (16 * 100) + 3);
        for (int i = 0; i < 100; i++)
        {
            bytes.SetL1(i, bytes.At(17 + (16 * i)));
        }

        await using QedImage image = Images.Open(bytes.File, readOnly: true);
        long before = GC.GetAllocatedBytesForCurrentThread();

        int count = 0;
        await foreach (MetadataChunk chunk in image.TraverseAsync(TestContext.Current.CancellationToken))
        {
            count++;
        }

        Assert.Equal(102, count);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 512 << 10);
    }

    private static async Task<List<MetadataChunk>> ListAsync(QedImage image)
    {
        List<MetadataChunk> all = [];
        await foreach (MetadataChunk chunk in image.TraverseAsync(TestContext.Current.CancellationToken))
        {
            all.Add(chunk);
        }

        return all;
    }

    private static QedImage WithFourTables()
    {
        QedImage image = Images.Open(Images.Create(4 * PerTable, Cluster, 2));
        for (int table = 0; table < 4; table++)
        {
            image.Write(table * PerTable, ConcurrencyTests.Pattern(Cluster, table + 1));
        }

        image.Flush();
        return image;
    }

    /// <summary>Where on the disk the tables begin that are met, when after the first of them another is emptied and the image compacted.</summary>
    private static async Task<List<long>> TablesMetWhileOneIsDroppedAsync(QedImage image, int dropped)
    {
        List<long> tables = [];
        await foreach (MetadataChunk chunk in image.TraverseAsync(TestContext.Current.CancellationToken))
        {
            if (chunk.Kind == MetadataChunkKind.Table)
            {
                tables.Add(chunk.DiskOffset);
                if (chunk.DiskOffset == 0)
                {
                    image.WriteZeroes(dropped * PerTable, Cluster);
                    await image.CompactAsync(new CompactOptions(), cancellationToken: TestContext.Current.CancellationToken);
                }
            }
        }

        return tables;
    }
}
