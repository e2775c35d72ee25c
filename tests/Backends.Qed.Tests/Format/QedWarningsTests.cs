using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Format;

public sealed class QedWarningsTests
{
    private static readonly QedHeaderBytes s_usual = new() { ClusterSize = 65536, TableSize = 4, L1Offset = 65536 };

    [Fact]
    public void UsualImage_HasNone()
    {
        Assert.Empty(Of(s_usual));
    }

    [Theory]
    [InlineData(1u, 0UL, "clusters of 65536 bytes and tables of 1 cluster: legal, but QEMU cannot open such an image")]
    [InlineData(1u, 1UL << 30, "clusters of 65536 bytes and tables of 1 cluster: legal, but QEMU cannot open such an image")]
    public void TablesOfOneCluster_ArePastQemu(uint tableClusters, ulong sizeBytes, string expected)
    {
        Assert.Equal([expected], Of(s_usual with { TableSize = tableClusters, ImageSize = sizeBytes }));
    }

    [Fact]
    public void TablesThatAddressMoreThan64Bits_ArePastQemu_UnlessThereIsNoDisk()
    {
        QedHeaderBytes large = new() { ClusterSize = 64 << 20, TableSize = 16, L1Offset = 64 << 20, ImageSize = 512 };

        Assert.Equal(["clusters of 67108864 bytes and tables of 16 clusters: legal, but QEMU cannot open such an image (what the tables address exceeds 64 bits there)"], Of(large));
        Assert.Empty(Of(large with { ImageSize = 0 }));
    }

    [Fact]
    public void HeaderAreaThat32BitsCannotMeasure_IsPastQemu()
    {
        QedHeaderBytes large = new() { ClusterSize = 1 << 20, TableSize = 2, HeaderSize = 4096, L1Offset = 1UL << 32, ImageSize = 512 };

        Assert.Equal(["a header area of 4294967296 bytes: legal, but QEMU cannot open such an image"], Of(large));
        Assert.Empty(Of(large with { HeaderSize = 4095 }));
    }

    [Theory]
    [InlineData(0u, 5u, "the parent's name is at 0, inside the header's own fields")]
    [InlineData(63u, 5u, "the parent's name is at 63, inside the header's own fields")]
    [InlineData(0u, 0u, "the header says that there is a parent, and its name has length 0: taken as none")]
    [InlineData(64u, 0u, "the header says that there is a parent, and its name has length 0: taken as none")]
    [InlineData(64u, 5u, null)]
    public void NameOfTheParent_ThatIsOdd_IsNamed(uint offset, uint size, string? expected)
    {
        QedHeaderBytes child = s_usual with { Features = 1, NameOffset = offset, NameSize = size };

        Assert.Equal(expected is null ? [] : [expected], Of(child));
        Assert.Empty(Of(child with { Features = 0 }));
    }

    [Fact]
    public void UnknownFeatures_AreListed_WithWhatBecomesOfThem()
    {
        Assert.Equal(
            [
                "unknown compatible features 0x8000000000000001: kept; the parent's name cannot be changed",
                "unknown autoclear features 0x10: an opening for writing clears them",
            ],
            Of(s_usual with { Compat = 0x8000000000000001, Autoclear = 0x10 }));
    }

    [Fact]
    public void PartialTail_IsNamedWithItsLength()
    {
        Assert.Equal(["the file ends with a part of a cluster (17 bytes), which is not part of the image"], Of(s_usual, tailBytes: 17));
    }

    [Fact]
    public void EarlierFence_SaysWhenAndWhy_InOneSentence()
    {
        var fence = new StorageFence("disk gone.", new DateTimeOffset(2026, 5, 4, 3, 2, 1, TimeSpan.Zero));

        Assert.Equal("a barrier on this file failed earlier (2026-05-04 03:02:01Z: disk gone): what was written since the last good barrier is undefined", QedWarnings.Of(fence));
    }

    private static List<string> Of(QedHeaderBytes bytes, int tailBytes = 0) => QedWarnings.Of(bytes.Parse(bytes.FileLength + tailBytes), bytes.FileLength + tailBytes);
}
