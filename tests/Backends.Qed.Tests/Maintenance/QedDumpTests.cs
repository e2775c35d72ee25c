using QedVd.Backends.Qed.Tests.Format;

namespace QedVd.Backends.Qed.Tests.Maintenance;

public sealed class QedDumpTests
{
    [Fact]
    public void Dump_NamesHeaderFeaturesAndL1_AndEscapesTheParentsName()
    {
        ImageBytes image = new ImageBytes(new HeaderBytes { Features = 7, NameOffset = 64, NameSize = 5 }).AddUsualTable().SetL1(2, 5).SetL1(900, 7);
        image.File.Poke(64, [0x61, 0x1b, 0x5b, 0x32, 0x4a]);
        var output = new StringWriter();

        QedDump.Write(output, image.File.Open(), image.Header.Parse(image.File.LengthBytes), new ParentReference([0x61, 0x1b, 0x5b, 0x32, 0x4a], "raw"));

        string text = output.ToString();
        Assert.Contains("features         0x7 (BACKING_FILE, NEED_CHECK, BACKING_FORMAT_NO_PROBE)", text, StringComparison.Ordinal);
        Assert.Contains(@"backing name     5 bytes at 64: a\x1b[2J", text, StringComparison.Ordinal);
        Assert.Contains("L1               1 of 1 entries in use name an L2 table, 2 are invalid, 2 lie beyond the disk's end", text, StringComparison.Ordinal);
        Assert.DoesNotContain('\x1b', text);
    }
}
