using QedVd.Backends.Qed.Tests.Engine;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Resizing;

/// <summary>What is known of where tables are is as right after a change of size as it was before.</summary>
public sealed class TablesAfterResizeTests
{
    private const int Cluster = 4096;

    // With tables of two clusters.
    private const long TableSpan = 1024L * Cluster;

    /// <summary>Nothing has looked into the table that is named: neither before the grow nor after.</summary>
    [Fact]
    public async Task Write_AfterAGrow_WhereAnEntryNamesAnotherTable_IsRefused()
    {
        QedImageBytes bytes = new QedImageBytes(new QedHeaderBytes { ImageSize = 2 * (ulong)TableSpan })
            .AddUsualTable().SetClusters(10).SetL1(1, 8 * Cluster).SetL2(8, 7, 5 * Cluster).SetL2(3, 1, 9 * Cluster);
        byte[] table = bytes.File.ReadBytes(8 * Cluster, 2 * Cluster);

        await using (QedImage image = Images.Open(bytes.File))
        {
            await image.ResizeAsync(3 * TableSpan, mayShrink: false);

            Assert.Equal(ImageErrorKind.Corrupt, Assert.Throws<ImageException>(() => image.Write(Cluster, new byte[] { 1 })).Kind);
        }

        Assert.Equal(table, bytes.File.ReadBytes(8 * Cluster, 2 * Cluster));
    }

    /// <summary>The file is cut where the table was, and the next clusters that are given out lie there.</summary>
    [Fact]
    public async Task Shrink_MakesRoomOfTables_ThatIsTakenForData_AndWrittenInPlace()
    {
        SimulatedFile file = Images.Create(2 * TableSpan, Cluster, 2);
        byte[] data = ConcurrencyTests.Pattern(8 * Cluster, 1);
        await using (QedImage image = Images.Open(file))
        {
            GuestDisk.Write(image, 0, data.AsSpan(0, Cluster).ToArray());
            GuestDisk.Write(image, TableSpan, data);
            await image.FlushAsync(TestContext.Current.CancellationToken);
            long table = (long)new Traps.QedBytes(file).L1(1);

            await image.ResizeAsync(TableSpan, mayShrink: true);
            GuestDisk.Write(image, 0, data);
            GuestDisk.Write(image, 0, data);
            await image.FlushAsync(TestContext.Current.CancellationToken);

            Assert.Contains((ulong)table, Enumerable.Range(0, 8).Select(cluster => new Traps.QedBytes(file).Entry(cluster)));
            Assert.Equal(data, GuestDisk.Read(image, 0, data.Length));
        }

        Images.AssertClean(file);
    }
}
