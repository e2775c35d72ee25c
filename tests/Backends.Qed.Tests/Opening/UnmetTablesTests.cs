using QedVd.Backends.Qed.Tests.Engine;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Opening;

/// <summary>
/// Images whose L2 entry names another L2 table that nobody has looked into, open for reading only: header in cluster 0, L1 in 1 and 2, the first L2 table
/// in 3 and 4, data in 5, 6, 7, the second table in 8 and 9. Disk cluster 1 is said to be in 9.
/// </summary>
public sealed class UnmetTablesTests
{
    private const int Cluster = 4096;

    public static TheoryData<string> Ways => ["Read", "ReadAsync", "Map", "MapRuns"];

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task WhoReads_AnEntryThatNamesAnotherTable_GetsAnError_BeforeThatTableIsRead(string way)
    {
        QedImageBytes image = Make();
        using QedImage disk = Images.Open(image.File, readOnly: true);

        ImageException failure = await Assert.ThrowsAsync<ImageException>(() => LookAtAsync(disk, way, Cluster));

        Assert.Equal(ImageErrorKind.Corrupt, failure.Kind);
        Assert.Contains("inside an L2 table", failure.Message, StringComparison.Ordinal);
        Assert.False(disk.TryMap(Cluster, 1, out _));
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task WhoReads_WhereL1CannotBeReadWhole_GetsTheRest_AndNoTable(string way)
    {
        // Slices of 512 entries: the second half of L1 cannot be read, and names nothing that is used.
        QedImageBytes image = Make();
        image.File.Fail(new StorageFault { Kind = StorageOperationKind.Read, IsSticky = true, Where = (offset, length) => offset < 3 * Cluster && offset + length > (2 * Cluster) });
        using QedImage disk = Images.Open(image.File, readOnly: true);

        await LookAtAsync(disk, way, 0);
    }

    [Fact]
    public async Task Traversal_LeavesOutWhatNamesAnotherTable()
    {
        QedImageBytes image = Make();
        image.SetL2(3, 2, image.At(7));
        using QedImage disk = Images.Open(image.File, readOnly: true);
        List<MetadataChunk> data = [];
        await foreach (MetadataChunk chunk in disk.TraverseAsync(TestContext.Current.CancellationToken))
        {
            if (chunk.Kind == MetadataChunkKind.Data)
            {
                data.Add(chunk);
            }
        }

        Assert.DoesNotContain(data, chunk => chunk.StorageOffset < 10 * Cluster && chunk.StorageOffset + chunk.LengthBytes > 8 * Cluster);
        Assert.Contains(data, chunk => chunk.StorageOffset <= 7 * Cluster && chunk.StorageOffset + chunk.LengthBytes == 8 * Cluster);
    }

    [Fact]
    public void AnOpening_AndReadsOfWhatHasNoTable_DoNotLookAtAllOfL1_AndLaterReadsLookOnce()
    {
        QedImageBytes image = Make();
        using QedImage disk = Images.Open(image.File, readOnly: true);
        int before = Reads();
        disk.Read(12 << 20, new byte[1]);
        int withoutTable = Reads();
        disk.Read(0, new byte[1]);
        int inTheFirst = Reads();
        disk.Read(4 << 20, new byte[1]);

        // A slice of L1; all of L1, a slice of the table, the byte; a slice of the other table.
        Assert.Equal((1, 3, 1), (withoutTable - before, inTheFirst - withoutTable, Reads() - inTheFirst));

        int Reads() => image.File.CountOf(StorageOperationKind.Read);
    }

    [Fact]
    public void OfVeryManyTables_TheFirstAreKnown_InMemoryThatIsBounded()
    {
        const int Tables = KnownTables.MaxTablesToRead + 10;
        QedImageBytes image = new(new QedHeaderBytes { ClusterSize = 1 << 16, TableSize = 16, L1Offset = 1 << 16, ImageSize = (ulong)Tables << 33 });
        for (int i = 0; i < Tables; i++)
        {
            image.SetL1(i, image.At(image.FirstFree + (i * 16L)));
        }

        long lastKnown = image.FirstFree + ((KnownTables.MaxTablesToRead - 1) * 16L);
        image.SetClusters(image.FirstFree + (Tables * 16L)).SetL2(image.FirstFree, 1, image.At(lastKnown + 15)).SetL2(image.FirstFree, 2, image.At(lastKnown + 16));
        using QedImage disk = Images.Open(image.File, readOnly: true);

        Assert.Equal(ImageErrorKind.Corrupt, Assert.Throws<ImageException>(() => disk.Read(1 << 16, new byte[1])).Kind);
        Assert.Equal(ExtentKind.Data, disk.Read(2 << 16, new byte[1]).Kind);
    }

    [Fact]
    public void Check_FindsIt_WhicheverOfTheTablesComesFirst()
    {
        Assert.Equal(1, Images.Check(Make().File).Corruptions);
        QedImageBytes turned = Make();
        turned.SetL1(0, turned.At(8)).SetL1(1, turned.At(3));
        Assert.Equal(1, Images.Check(turned.File).Corruptions);
    }

    private static QedImageBytes Make() =>
        new QedImageBytes(new QedHeaderBytes { ImageSize = 16 << 20 }).AddUsualTable().SetClusters(10).SetL1(1, 8 * Cluster).SetL2(3, 1, 9 * Cluster);

    private static async Task LookAtAsync(QedImage disk, string way, long offset)
    {
        CancellationToken token = TestContext.Current.CancellationToken;
        switch (way)
        {
            case "Read":
                disk.Read(offset, new byte[1]);
                break;
            case "ReadAsync":
                await disk.ReadAsync(offset, new byte[1], token);
                break;
            case "Map":
                disk.Map(offset, 1);
                break;
            default:
                await disk.MapRunsAsync(offset, 1, new Extent[1], token);
                break;
        }
    }
}
