using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Creation;

public sealed class QedCreatorTests
{
    [Fact]
    public void Create_WithoutOptions_LaysTheFileOutAsQemuDoes()
    {
        SimulatedFile file = Create(1 << 30);

        Assert.Equal(327_680, file.LengthBytes);
        QedHeader header = HeaderOf(file);
        Assert.Equal(QedGeometry.Default, header.Geometry);
        Assert.Equal((1u, 65536L, 1L << 30), (header.HeaderClusters, header.L1TableOffset, header.VirtualSizeBytes));
        Assert.Equal((0UL, 0UL, 0UL), (header.Features, header.CompatFeatures, header.AutoclearFeatures));
        Assert.All(file.ReadBytes(64, 327_680 - 64), value => Assert.Equal(0, value));
    }

    [Fact]
    public void Create_IsDurable_WithItsL1OnRealRoom()
    {
        SimulatedFile file = Create(1 << 30);

        Assert.Equal(StorageOperationKind.Barrier, file.Trace[^1].Kind);
        Assert.Equal(file.Trace.Count - 1, file.DurableCount);
        Assert.InRange(file.Open().GetAllocatedBytes(), 262_144 + 4096, 327_680);
    }

    [Fact]
    public void Create_IntoWhatIsOpenForReading_IsRefused_BeforeAnythingIsWritten()
    {
        SimulatedFile file = new("target");
        using SimulatedStorage storage = file.Open(readOnly: true);

        ImageException refused = Assert.Throws<ImageException>(() => new QedBackend().Create(storage, new ImageCreateOptions { VirtualSizeBytes = 1 << 20 }));
        Assert.Equal((ImageErrorKind.ReadOnly, 0L, 0), (refused.Kind, file.LengthBytes, file.CountOfChanges()));
    }

    [Fact]
    public void Meter_CountsWhatTakesRoom_AndNothingElse()
    {
        ImageMeter meter = new QedBackend().CreateMeter(new ImageCreateOptions { VirtualSizeBytes = 1L << 30 });
        long empty = meter.RequiredBytes;

        meter.Add(0, 1 << 20, ExtentKind.Free);
        meter.Add(5, 0);
        Assert.Equal(empty, meter.RequiredBytes);
        meter.Add(0, 65536, ExtentKind.Zero);
        long table = meter.RequiredBytes;
        meter.Add(65536, 1);
        Assert.Equal((empty + 262_144, table + 65536), (table, meter.RequiredBytes));
        Assert.Throws<ArgumentOutOfRangeException>(() => meter.Add(-1, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => meter.Add(0, -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => meter.Add((1L << 30) - 1, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => meter.Add(long.MaxValue, long.MaxValue));
        Assert.Equal(table + 65536, meter.RequiredBytes);
    }

    [Theory]
    [InlineData("64K", 16)]
    [InlineData("65536", 16)]
    [InlineData("1M", 20)]
    [InlineData("1m", 20)]
    public void Create_TakesSizesWithSuffixes_LargeAndSmall(string size, int bits) =>
        Assert.Equal(bits, HeaderOf(Create(1 << 20, ("cluster_size", size))).Geometry.ClusterBits);

    [Theory]
    [InlineData("1G")]
    [InlineData("1T")]
    [InlineData("1P")]
    public void Create_OfClustersThatAreTooLarge_OrOfAnUnknownUnit_IsRefused(string size) =>
        Assert.Contains("cluster_size", Refused(1 << 20, ("cluster_size", size)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 512)]
    [InlineData(512, 512)]
    [InlineData(1000, 1024)]
    public void Create_RoundsTheSizeUpToSectors(long size, long expected)
    {
        Assert.Equal(expected, HeaderOf(Create(size)).VirtualSizeBytes);
    }

    [Theory]
    [InlineData("4k", "2", 4L << 30)]
    [InlineData("65536", "4", 64L << 40)]
    [InlineData("1M", "16", 1L << 62)]
    [InlineData("2M", "8", long.MaxValue - 511)]
    public void Create_LargestDiskOfAGeometry_IsMade_AndOneByteMoreIsNot(string cluster, string table, long size)
    {
        Assert.Equal(size, HeaderOf(Create(size, ("cluster_size", cluster), ("table_size", table))).VirtualSizeBytes);

        ImageException error = Refused(size + 1, ("cluster_size", cluster), ("table_size", table));
        Assert.Contains($"allowed: 0 to {size} ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Create_OfALargeDiskWithSmallClusters_TakesLargerTables_UnlessTheirSizeIsGiven()
    {
        const long SizeBytes = 200L << 30;

        Assert.Equal(16, HeaderOf(Create(SizeBytes, ("cluster_size", "4k"))).Geometry.TableClusters);
        Assert.Equal(4, HeaderOf(Create(16L << 30, ("cluster_size", "4k"))).Geometry.TableClusters);
        Refused(SizeBytes, ("cluster_size", "4k"), ("table_size", "4"));
        Refused(2 * SizeBytes, ("cluster_size", "4k"));
    }

    [Fact]
    public void Create_EveryLegalGeometry_ReadsBack_AndAllOthersAreRefused()
    {
        for (int clusterBits = 11; clusterBits <= 27; clusterBits++)
        {
            for (int table = 0; table <= 33; table++)
            {
                (string, string)[] options = [("cluster_size", $"{1 << clusterBits}"), ("table_size", $"{table}"), ("qemu_compat", "off")];
                if (QedGeometry.TryCreate(1 << clusterBits, table, out QedGeometry geometry))
                {
                    SimulatedFile file = Create(1 << 20, options);
                    Assert.Equal(geometry, HeaderOf(file).Geometry);
                    Assert.Equal(geometry.ClusterBytes + geometry.TableBytes, file.LengthBytes);
                }
                else
                {
                    Refused(1 << 20, options);
                }
            }
        }
    }

    [Fact]
    public void Create_TablesOf1GiB_TakeRoomForTheUsedPartOnly()
    {
        SimulatedFile file = Create(1L << 62, ("cluster_size", "64M"), ("table_size", "16"), ("qemu_compat", "off"));

        Assert.Equal((64L << 20) + (1L << 30), file.LengthBytes);
        Assert.InRange(file.Open().GetAllocatedBytes(), 0, 64 << 10);
    }

    [Theory]
    [InlineData("64k", "1", "table_size is 1, which QEMU cannot open")]
    [InlineData("2M", "16", "cannot be opened by QEMU")]
    [InlineData("64M", "2", "cannot be opened by QEMU")]
    public void Create_WhatQemuCannotOpen_IsRefusedWithTheReason_UnlessAllowed(string cluster, string table, string reason)
    {
        ImageException error = Refused(1 << 20, ("cluster_size", cluster), ("table_size", table));

        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.Contains("qemu_compat=off", error.Message, StringComparison.Ordinal);
        Create(1 << 20, ("cluster_size", cluster), ("table_size", table), ("qemu_compat", "off"));
    }

    [Theory]
    [InlineData("cluster_size", "")]
    [InlineData("cluster_size", "k")]
    [InlineData("cluster_size", "64kk")]
    [InlineData("cluster_size", "-65536")]
    [InlineData("cluster_size", "64 k")]
    [InlineData("cluster_size", "9223372036854775807k")]
    [InlineData("cluster_size", "18014398509482048k")] // 65536 in 64 bits
    [InlineData("cluster_size", "99999999999999999999")]
    [InlineData("cluster_size", "65537")]
    [InlineData("table_size", "4k")]
    [InlineData("table_size", "four")]
    [InlineData("qemu_compat", "yes")]
    [InlineData("backing_fmt", "raw")]
    [InlineData("compression", "on")]
    public void Create_BadOption_IsRefused_AndNothingIsWritten(string option, string value)
    {
        ImageException error = Refused(1 << 20, (option, value));

        Assert.Contains(option, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Create_NegativeSize_IsRefused() => Refused(-1);

    [Theory]
    [InlineData("raw", 5UL)]
    [InlineData("qed", 1UL)]
    [InlineData(null, 1UL)]
    public void Create_WithAParent_StoresNameAndRawBit(string? format, ulong features)
    {
        SimulatedFile file = CreateWith(new ImageCreateOptions { VirtualSizeBytes = 1 << 20, Parent = new ParentReference("dir/bäse.img", format) });

        QedHeader header = HeaderOf(file);
        Assert.Equal((features, 64u, 13u), (header.Features, header.BackingNameOffset, header.BackingNameSize));
        Assert.Equal("dir/bäse.img"u8.ToArray(), file.ReadBytes(64, 13));
    }

    [Fact]
    public void Create_WithQemusOptionsForTheParent_DoesTheSame()
    {
        SimulatedFile file = Create(1 << 20, ("backing_file", "base.img"), ("backing_fmt", "raw"));

        Assert.Equal((5UL, 8u), (HeaderOf(file).Features, HeaderOf(file).BackingNameSize));
    }

    [Fact]
    public void Create_WithTwoParents_OrTwoFormats_IsRefused()
    {
        var parent = new ParentReference("a", "qed");

        RefusedWith(new ImageCreateOptions { VirtualSizeBytes = 0, Parent = parent, FormatOptions = new Dictionary<string, string> { ["backing_file"] = "b" } });
        RefusedWith(new ImageCreateOptions { VirtualSizeBytes = 0, Parent = parent, FormatOptions = new Dictionary<string, string> { ["backing_fmt"] = "raw" } });
    }

    [Theory]
    [InlineData(4032, 1)]
    [InlineData(4033, 2)]
    [InlineData(4095, 2)]
    public void Create_LongName_GetsAsManyHeaderClustersAsItNeeds_WithL1Behind(int length, int clusters)
    {
        byte[] name = [.. Enumerable.Range(0, length).Select(i => (byte)('a' + (i % 26)))];

        SimulatedFile file = CreateWith(new ImageCreateOptions
        {
            VirtualSizeBytes = 1 << 20,
            Parent = new ParentReference(name),
            FormatOptions = new Dictionary<string, string> { ["cluster_size"] = "4k" },
        });

        QedHeader header = HeaderOf(file);
        Assert.Equal(((uint)clusters, clusters * 4096L), (header.HeaderClusters, header.L1TableOffset));
        Assert.Equal(name, file.ReadBytes(64, length));
        Assert.All(file.ReadBytes(64 + length, (int)file.LengthBytes - 64 - length), value => Assert.Equal(0, value));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4096)]
    public void Create_NameOfNoLength_OrTooLong_IsRefused(int length)
    {
        ImageException error = RefusedWith(new ImageCreateOptions { VirtualSizeBytes = 1 << 20, Parent = new ParentReference(new string('a', length)) });

        Assert.Contains($"the parent's name has {length} bytes", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Create_NameThatIsNotUtf8_IsStoredAsItIs_AndOneWithANulIsRefused()
    {
        byte[] name = [0xff, 0xfe, 0x2f, 0x1b];

        SimulatedFile file = CreateWith(new ImageCreateOptions { VirtualSizeBytes = 0, Parent = new ParentReference(name) });

        Assert.Equal(name, file.ReadBytes(64, 4));
        RefusedWith(new ImageCreateOptions { VirtualSizeBytes = 0, Parent = new ParentReference("a\0b"u8) });
    }

    [Fact]
    public void Create_OverBytes_IsRefused_AndTheyStay()
    {
        var file = new SimulatedFile(content: [1, 2, 3]);

        ImageException error = Assert.Throws<ImageException>(() => new QedBackend().Create(file.Open(), new ImageCreateOptions { VirtualSizeBytes = 512 }));

        Assert.Equal(ImageErrorKind.AlreadyExists, error.Kind);
        Assert.Equal([1, 2, 3], file.ReadBytes(0, 10));
    }

    [Theory]
    [InlineData(StorageOperationKind.Write)]
    [InlineData(StorageOperationKind.Allocate)]
    [InlineData(StorageOperationKind.Barrier)]
    public void Create_OnAFailingStorage_Fails(StorageOperationKind kind)
    {
        var file = new SimulatedFile();
        file.Fail(kind);

        Assert.Throws<ImageException>(() => new QedBackend().Create(file.Open(), new ImageCreateOptions { VirtualSizeBytes = 512 }));
    }

    [Fact]
    public async Task Create_Asynchronously_MakesTheSameFile()
    {
        var file = new SimulatedFile { CompletesInline = false };

        await new QedBackend().CreateAsync(file.Open(), new ImageCreateOptions { VirtualSizeBytes = 1 << 30 }, TestContext.Current.CancellationToken);

        Assert.Equal(Create(1 << 30).ComputeHash(), file.ComputeHash());
    }

    private static QedHeader HeaderOf(SimulatedFile file) => QedHeader.Parse(file.ReadBytes(0, 64), file.LengthBytes, "a.qed");

    private static ImageCreateOptions OptionsOf(long size, (string Key, string Value)[] options) =>
        new() { VirtualSizeBytes = size, FormatOptions = options.ToDictionary(option => option.Key, option => option.Value) };

    private static SimulatedFile Create(long size, params (string Key, string Value)[] options) => CreateWith(OptionsOf(size, options));

    private static SimulatedFile CreateWith(ImageCreateOptions options)
    {
        var file = new SimulatedFile();
        new QedBackend().Create(file.Open(), options);
        return file;
    }

    private static ImageException Refused(long size, params (string Key, string Value)[] options) => RefusedWith(OptionsOf(size, options));

    private static ImageException RefusedWith(ImageCreateOptions options)
    {
        var file = new SimulatedFile();
        ImageException error = Assert.Throws<ImageException>(() => new QedBackend().Create(file.Open(), options));
        Assert.Equal(ImageErrorKind.InvalidArgument, error.Kind);
        Assert.Equal(0, file.LengthBytes);
        return error;
    }
}
