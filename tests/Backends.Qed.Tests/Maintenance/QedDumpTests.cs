using QedVd.Backends.Qed.Tests.Format;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Maintenance;

public sealed class QedDumpTests
{
    [Fact]
    public void Dump_NamesHeaderFeaturesAndL1_AndEscapesTheParentsName()
    {
        QedImageBytes image = new QedImageBytes(new QedHeaderBytes { Features = 7, NameOffset = 64, NameSize = 5 }).AddUsualTable().SetL1(2, 5).SetL1(900, 7);
        image.File.Poke(64, [0x61, 0x1b, 0x5b, 0x32, 0x4a]);
        var output = new StringWriter();

        QedDump.Write(output, image.File.Open(), image.Header.Parse(image.File.LengthBytes), new ParentReference([0x61, 0x1b, 0x5b, 0x32, 0x4a], "raw"));

        string text = output.ToString();
        Assert.Contains("features         0x7 (BACKING_FILE, NEED_CHECK, BACKING_FORMAT_NO_PROBE)", text, StringComparison.Ordinal);
        Assert.Contains(@"backing name     5 bytes at 64: a\x1b[2J", text, StringComparison.Ordinal);
        Assert.Contains("L1               1 of 1 entries in use name an L2 table, 2 are invalid, 2 lie beyond the disk's end", text, StringComparison.Ordinal);
        Assert.DoesNotContain('\x1b', text);
    }

    [Fact]
    public void Dump_TellsEachTable_TheirSum_AndWhatLiesAtTheEnd()
    {
        QedImageBytes image = new QedImageBytes(new QedHeaderBytes { ImageSize = 2 * 1024 * 4096 }).AddUsualTable().SetClusters(20);
        image.SetL1(1, image.At(8)).SetL2(8, 0, image.At(11)).SetL2(8, 1, image.At(10)).SetL2(8, 2, 1).SetL2(8, 3, 77);
        image.File.Poke(5 * 4096, new byte[4096]);

        string text = Dump(image);

        Assert.Contains("  table          L1 entry 0 at 12288: 3 allocated (0.00 % fragmented), 0 zero, 1021 free, 0 invalid", text, StringComparison.Ordinal);
        Assert.Contains("  table          L1 entry 1 at 32768: 2 allocated (50.00 % fragmented), 1 zero, 1020 free, 1 invalid", text, StringComparison.Ordinal);
        Assert.Contains("L2               2 tables, 16384 bytes: 5 allocated (20.00 % fragmented), 1 zero, 2041 free, 1 invalid", text, StringComparison.Ordinal);
        Assert.Contains("data             20480 bytes in clusters, 12288 of them holes of the file", text, StringComparison.Ordinal);
        Assert.Contains("end              what is in use ends at 49152; 32768 bytes behind it", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Dump_OfATableThatCannotBeRead_SaysSo_AndGoesOn()
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable();
        image.File.Fail(new QedVd.TestKit.StorageFault { Kind = QedVd.TestKit.StorageOperationKind.Read, IsSticky = true, Where = (offset, _) => offset >= 3 * 4096 });

        Assert.Contains("L2               1 tables, 8192 bytes, 1 could not be read in whole", Dump(image), StringComparison.Ordinal);
    }

    [Fact]
    public void Dump_OfAnL1ThatCannotBeRead_SaysSo_AndTellsTheRest()
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable();
        image.File.Fail(new QedVd.TestKit.StorageFault { Kind = QedVd.TestKit.StorageOperationKind.Read, IsSticky = true, Where = (offset, _) => offset is >= 4096 and < 3 * 4096 });

        string text = Dump(image);

        Assert.Contains("L1               could not be read in whole", text, StringComparison.Ordinal);
        Assert.Contains("cluster", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Dump_OfManyTables_TellsSome_AndTheSumOfAll()
    {
        QedImageBytes image = new(new QedHeaderBytes { ImageSize = 1024UL * 1024 * 4096 });
        image.SetClusters(3 + (2 * 300));
        for (int i = 0; i < 300; i++)
        {
            image.SetL1(i, image.At(3 + (2 * i)));
        }

        string text = Dump(image);

        Assert.Contains("  table          and 44 more", text, StringComparison.Ordinal);
        Assert.Contains("L2               300 tables", text, StringComparison.Ordinal);
        Assert.InRange(text.Split('\n').Length, 256, 290);
    }

    private static string Dump(QedImageBytes image)
    {
        var output = new StringWriter();
        QedDump.Write(output, image.File.Open(readOnly: true), image.Header.Parse(image.File.LengthBytes), null);
        return output.ToString();
    }
}
