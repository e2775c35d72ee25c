using System.Text;
using QedVd.Backends.Qed.Tests.Engine;
using QedVd.Backends.Qed.Tests.Format;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Traps;

/// <summary>The header, what it says of geometry and parent, and that it says the same after we have been there.</summary>
public sealed class HeaderTraps
{
    private const int Cluster = 4096;

    /// <summary>From one byte to the longest: always inside the header area that the header itself declares.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(Cluster - 64)]
    [InlineData(Cluster - 63)]
    [InlineData(4095)]
    [Trap("D04", "D13")]
    public void ParentsName_LiesInsideTheHeaderArea_WhateverItsLength(int length)
    {
        byte[] name = [.. Enumerable.Repeat((byte)'n', length)];
        SimulatedFile file = new();
        new QedBackend().Create(file.Open(), Images.CreateOptions(1 << 20, Cluster, 2) with { Parent = new ParentReference(name) });

        QedBytes bytes = new(file);
        Assert.InRange(bytes.NameOffset + bytes.NameBytes, 65, bytes.HeaderClusters * Cluster);
        Assert.True(bytes.L1Offset >= bytes.HeaderClusters * Cluster);
        Assert.Equal(name, bytes.Name);
        using (QedImage image = Images.Open(file))
        {
            Assert.Equal(name, image.Parent!.NameBytes);
            GuestDisk.Write(image, 0, new byte[Cluster]);
        }

        Assert.Equal(name, new QedBytes(file).Name);
        Images.AssertClean(file);
    }

    [Fact]
    [Trap("D13", "D35")]
    public void NameOfMoreThan4095Bytes_IsNeitherStoredNorRead()
    {
        ImageException refused = Assert.Throws<ImageException>(() => new QedBackend().Create(
            new SimulatedFile().Open(), Images.CreateOptions(1 << 20, Cluster, 2) with { Parent = new ParentReference(new byte[4096]) }));
        Assert.Equal(ImageErrorKind.InvalidArgument, refused.Kind);
        Assert.Equal(ImageErrorKind.Corrupt, Assert.Throws<ImageException>(() =>
            new QedHeaderBytes { HeaderSize = 4, L1Offset = 4 * Cluster, Features = 1, NameOffset = 64, NameSize = 4096 }.Parse()).Kind);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Trap("D09")]
    public void ParentMarkedRaw_IsOpened_AndMarkedAtCreation(bool isRaw)
    {
        SimulatedFile file = new();
        new QedBackend().Create(file.Open(), Images.CreateOptions(1 << 20, Cluster, 2) with { Parent = new ParentReference("p", isRaw ? "raw" : null) });

        Assert.Equal(isRaw ? 5UL : 1UL, new QedBytes(file).Features);
        using (QedImage image = Images.Open(file))
        {
            Assert.Equal(isRaw, image.Parent!.IsRaw);
            GuestDisk.Write(image, 0, new byte[Cluster]);
        }

        Assert.Equal(isRaw ? 5UL : 1UL, new QedBytes(file).Features);
    }

    /// <summary>Everything that writes the header: the mark of the lazy mode set and cleared, a found mark cleared, unknown autoclear bits.</summary>
    [Theory]
    [InlineData(ConsistencyMode.Ordered, 0UL, 0UL)]
    [InlineData(ConsistencyMode.Ordered, 2UL, 0UL)]
    [InlineData(ConsistencyMode.Ordered, 0UL, 16UL)]
    [InlineData(ConsistencyMode.Lazy, 0UL, 0UL)]
    [InlineData(ConsistencyMode.Lazy, 2UL, 1UL << 63)]
    [InlineData(ConsistencyMode.WriteThrough, 2UL, 0UL)]
    [Trap("D15", "D16")]
    public void LargerHeaderArea_AndUnknownCompatBits_OutlastEverySession(ConsistencyMode mode, ulong flags, ulong autoclear)
    {
        QedHeaderBytes header = new()
        {
            HeaderSize = 3, L1Offset = 5 * Cluster, Features = 5 | flags, Compat = 0x8000_0000_0000_0102, Autoclear = autoclear, NameOffset = 2 * Cluster, NameSize = 10,
        };
        QedImageBytes image = new QedImageBytes(header).AddUsualTable();
        image.File.Poke(2 * Cluster, "parent.qed"u8);
        using (QedImage disk = Images.Open(image.File, mode))
        {
            GuestDisk.Write(disk, 100 * Cluster, new byte[Cluster]);
            disk.Flush();
            Assert.Equal(mode == ConsistencyMode.Lazy ? 7UL : 5UL, new QedBytes(image.File).Features);
            GuestDisk.WriteZeroes(disk, 50 * Cluster, Cluster);
        }

        Assert.Equal((header with { Features = 5, Autoclear = 0 }).ToArray(), image.File.ReadBytes(0, 64));
        Assert.Equal("parent.qed"u8.ToArray(), new QedBytes(image.File).Name);
    }

    [Fact]
    [Trap("D16")]
    public void UnknownAutoclearBits_AreGone_AndDurablySo_BeforeTheFirstChange()
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable().SetHeader(header => header with { Autoclear = 0xF0, Compat = 0xF });
        using (Images.Open(image.File, readOnly: true))
        {
            Assert.Equal(0xF0UL, new QedBytes(image.File).Autoclear);
        }

        using QedImage disk = Images.Open(image.File);
        disk.Write(0, new byte[10]);

        StorageOperation[] trace = [.. image.File.Trace];
        Assert.Equal((StorageOperationKind.Write, 0L), (trace[0].Kind, trace[0].Offset));
        Assert.Equal(StorageOperationKind.Barrier, trace[1].Kind);
        Assert.Equal((0UL, 0xFUL), (new QedBytes(image.File).Autoclear, new QedBytes(image.File).Compat));
        Assert.Equal(ImageErrorKind.UnsupportedFeature, Assert.Throws<ImageException>(() => new QedHeaderBytes { Features = 8 }.Parse()).Kind);
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(4095u)]
    [InlineData(4097u)]
    [InlineData(12288u)]
    [InlineData(65536u + 4096u)]
    [InlineData(3u << 20)]
    [InlineData((64u << 20) + 1)]
    [InlineData(96u << 20)]
    [InlineData(1u << 31)]
    [Trap("D18")]
    public void ClusterSize_ThatIsNoPowerOfTwoInItsRange_IsRefused(uint value)
    {
        Assert.Equal(ImageErrorKind.Corrupt, Assert.Throws<ImageException>(() => new QedHeaderBytes { ClusterSize = value, L1Offset = 1L << 40 }.Parse(1L << 50)).Kind);
        Assert.Equal(ImageErrorKind.InvalidArgument, Assert.Throws<ImageException>(() => new QedBackend().Create(new SimulatedFile().Open(), CreateOptions($"{value}", "2", 1 << 20))).Kind);
    }

    [Fact]
    [Trap("D18")]
    public void TableSize_ThatIsNoPowerOfTwoFrom1To16_IsRefused()
    {
        for (uint value = 0; value < 40; value++)
        {
            QedHeaderBytes header = new() { TableSize = value };
            if (value is 1 or 2 or 4 or 8 or 16)
            {
                Assert.Equal((int)value * 512, header.Parse().Geometry.EntriesPerTable);
                continue;
            }

            Assert.Equal(ImageErrorKind.Corrupt, Assert.Throws<ImageException>(() => header.Parse(1L << 40)).Kind);
            Assert.Equal(ImageErrorKind.InvalidArgument, Assert.Throws<ImageException>(() => new QedBackend().Create(new SimulatedFile().Open(), CreateOptions("4096", $"{value}", 1 << 20))).Kind);
        }
    }

    /// <summary>The last byte that the tables can address, and one sector more.</summary>
    [Theory]
    [InlineData(4096u, 2u, 1L << 32)]
    [InlineData(65536u, 4u, 1L << 46)]
    [InlineData(65536u, 16u, 1L << 50)]
    [InlineData(1u << 20, 16u, 1L << 62)]
    [InlineData(2u << 20, 8u, long.MaxValue - 511)]
    [InlineData(2u << 20, 16u, long.MaxValue - 511)]
    [Trap("D19", "D20")]
    public void DiskOfAllThatTheTablesAddress_IsTheLargest(uint clusterBytes, uint tableClusters, long largest)
    {
        QedHeaderBytes header = new() { ClusterSize = clusterBytes, TableSize = tableClusters, L1Offset = clusterBytes };
        Assert.Equal(largest, (header with { ImageSize = (ulong)largest }).Parse().VirtualSizeBytes);
        Assert.Equal(ImageErrorKind.Corrupt, Assert.Throws<ImageException>(() => (header with { ImageSize = (ulong)largest + 512 }).Parse()).Kind);

        SimulatedFile file = new();
        new QedBackend().Create(file.Open(), CreateOptions($"{clusterBytes}", $"{tableClusters}", largest));
        using (QedImage image = Images.Open(file))
        {
            // The first and the last place do not meet: nothing wraps around.
            GuestDisk.Write(image, 0, ConcurrencyTests.Pattern(512, 1));
            GuestDisk.Write(image, largest - 512, ConcurrencyTests.Pattern(512, 2));
            Assert.Equal(ConcurrencyTests.Pattern(512, 1), GuestDisk.Read(image, 0, 512));
            Assert.Equal(ConcurrencyTests.Pattern(512, 2), GuestDisk.Read(image, largest - 512, 512));
        }

        Images.AssertClean(file);
        if (largest < long.MaxValue - 511)
        {
            Assert.Equal(ImageErrorKind.InvalidArgument, Assert.Throws<ImageException>(() => new QedBackend().Create(new SimulatedFile().Open(), CreateOptions($"{clusterBytes}", $"{tableClusters}", largest + 1))).Kind);
        }
    }

    [Fact]
    [Trap("D21")]
    public void CreatedSize_IsRoundedUpToSectors_SoThatItOpensAgain()
    {
        foreach (int size in new[] { 1, 511, 513, 1_000_001 })
        {
            SimulatedFile file = Images.Create(size);
            Assert.Equal((size + 511) / 512 * 512, new QedBytes(file).SizeBytes);
            using QedImage image = Images.Open(file);
        }
    }

    /// <summary>Lengths and places of names that a hostile header may hold; nothing is allocated or read in proportion to them.</summary>
    [Theory]
    [InlineData(64u, uint.MaxValue)]
    [InlineData(64u, uint.MaxValue - 1)]
    [InlineData(uint.MaxValue, 1u)]
    [InlineData(uint.MaxValue, uint.MaxValue)]
    [InlineData(1u, uint.MaxValue)]
    [InlineData(4096u, 1u)]
    [InlineData(4095u, 2u)]
    [Trap("D35")]
    public void NameThatIsNotInsideTheHeaderArea_IsRefused_AtNoCost(uint offset, uint size)
    {
        QedImageBytes image = new QedImageBytes().AddUsualTable().SetHeader(header => header with { Features = 1, NameOffset = offset, NameSize = size });
        Assert.ThrowsAny<ImageException>(() => Images.Open(image.File, readOnly: true));

        long before = GC.GetAllocatedBytesForCurrentThread();
        ImageException refused = Assert.Throws<ImageException>(() => Images.Open(image.File, readOnly: true));

        Assert.Equal(ImageErrorKind.Corrupt, refused.Kind);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 100_000);
    }

    [Fact]
    [Trap("D35")]
    public void NameThatIsNoText_IsKeptByteForByte()
    {
        byte[] name = [0xFF, 0xFE, (byte)'a', 0, 0xC3, (byte)'b', 0x1B, (byte)'[', 0xED, 0xA0, 0x80];
        QedImageBytes image = new QedImageBytes().AddUsualTable().SetHeader(header => header with { Features = 1, NameOffset = 64, NameSize = (uint)name.Length });
        image.File.Poke(64, name);

        using QedImage disk = Images.Open(image.File);
        StringWriter dump = new();
        disk.Dump(dump);

        Assert.Equal(name, disk.Parent!.NameBytes);
        Assert.DoesNotContain("\u001b", dump.ToString(), StringComparison.Ordinal);
    }

    /// <summary>QED has no field for it: what is set lasts for the session, as documented, and is not claimed to be stored.</summary>
    [Fact]
    [Trap("D46")]
    public void Geometry_IsNotSetUntilItIs_AndIsNeverClaimedToBeStored()
    {
        SimulatedFile file = Images.Create(1 << 20);
        using (QedImage image = Images.Open(file))
        {
            Assert.Null(image.PhysicalGeometry);
            Assert.Null(image.LogicalGeometry);
            image.LogicalGeometry = new DiskGeometry(10, 16, 63);
            Assert.Equal(new DiskGeometry(10, 16, 63), image.LogicalGeometry);
            Assert.Null(image.PhysicalGeometry);
        }

        using QedImage again = Images.Open(file);
        Assert.Null(again.LogicalGeometry);
        Assert.Null(again.Identity);
        Assert.Equal(0, (int)(again.Capabilities & ImageCapabilities.Identity));
        Assert.Equal(ImageErrorKind.NotSupported, Assert.Throws<ImageException>(() => again.Identity = new ImageIdentity()).Kind);
    }

    [Fact]
    [Trap("D47")]
    public void Dump_TellsFeaturesGeometryTablesAndParent()
    {
        QedImageBytes image = new QedImageBytes(new QedHeaderBytes { Features = 7, Compat = 0x77, NameOffset = 64, NameSize = 10 }).AddUsualTable();
        image.File.Poke(64, "parent.qed"u8);
        StringBuilder text = new();
        using (QedImage disk = Images.Open(image.File, readOnly: true))
        {
            disk.Dump(new StringWriter(text));
        }

        foreach (string word in new[] { "BACKING_FILE", "NEED_CHECK", "BACKING_FORMAT_NO_PROBE", "0x77", "cluster_size     4096", "table_size       2", "l1_table_offset  4096", "parent.qed", "1 of 1 entries in use name an L2 table", "table memory", "header_size      1" })
        {
            Assert.Contains(word, text.ToString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    [Trap("D49")]
    public void ImageWithoutAParent_AnswersNone_NotAnError()
    {
        using QedImage image = Images.Open(Images.Create(1 << 20));

        Assert.Null(image.Parent);
        Assert.Equal(ImageFlags.None, image.Flags);
    }

    private static ImageCreateOptions CreateOptions(string clusterSize, string tableSize, long size) => new()
    {
        VirtualSizeBytes = size,
        FormatOptions = new Dictionary<string, string> { ["cluster_size"] = clusterSize, ["table_size"] = tableSize, ["qemu_compat"] = "off" },
    };
}
