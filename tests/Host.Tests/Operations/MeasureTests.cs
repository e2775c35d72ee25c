using System.Globalization;

namespace QedVd.Host.Tests.Operations;

public sealed class MeasureTests : IDisposable
{
    private readonly TestHost _test = new();

    public static TheoryData<int, int, long, int> Geometries()
    {
        var data = new TheoryData<int, int, long, int>();
        int seed = 0;
        foreach ((int cluster, int table) in ((int, int)[])[(4096, 1), (4096, 2), (4096, 16), (8192, 4), (65536, 2), (65536, 4), (1 << 20, 2), (4 << 20, 2)])
        {
            foreach (long size in (long[])[0, 512, 5_000_192, 40L << 20])
            {
                data.Add(cluster, table, size, seed++);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Geometries))]
    public async Task Measure_IsTheLengthThatAConversionThenMakes(int clusterBytes, int tableClusters, long sizeBytes, int seed)
    {
        string source = MakeSparse(sizeBytes, seed);
        Dictionary<string, string> layout = new() { ["cluster_size"] = $"{clusterBytes}", ["table_size"] = $"{tableClusters}", ["qemu_compat"] = "off" };
        var raw = new DiskOpenOptions { Format = "raw" };

        ImageMeasurement measured = await _test.Host.MeasureAsync(source, new MeasureOptions { TargetFormat = "qed", FormatOptions = layout, Source = raw });
        await _test.Host.ConvertAsync(source, _test["target.qed"], new ConvertOptions { TargetFormat = "qed", FormatOptions = layout, Source = raw, ZeroBlockBytes = 1 << 20 });

        Assert.Equal(new FileInfo(_test["target.qed"]).Length, measured.RequiredBytes);
        Assert.InRange(measured.AllocatedBytes, 0, measured.RequiredBytes);
        if (sizeBytes > 0)
        {
            using VirtualDisk disk = _test.Host.OpenDisk(_test["target.qed"]);
            byte[] all = new byte[sizeBytes];
            all.AsSpan().Fill(1);
            disk.Write(0, all);
            disk.Close();
        }

        Assert.Equal(new FileInfo(_test["target.qed"]).Length, measured.FullyAllocatedBytes);
    }

    [Fact]
    public async Task Measure_OfARawImage_IsItsSize()
    {
        string source = MakeSparse(10 << 20, 1);

        ImageMeasurement measured = await _test.Host.MeasureAsync(source, new MeasureOptions { TargetFormat = "raw", Source = new DiskOpenOptions { Format = "raw" } });

        Assert.Equal((10 << 20, 10 << 20), (measured.RequiredBytes, measured.FullyAllocatedBytes));
        Assert.InRange(measured.AllocatedBytes, 1, 9 << 20);
    }

    [Fact]
    public async Task Measure_OfASize_TellsEmptyAndFull()
    {
        ImageMeasurement measured = await _test.Host.MeasureAsync(1L << 30, new MeasureOptions { TargetFormat = "qed" });
        await _test.Host.CreateImageAsync(_test["empty.qed"], "qed", new CreateDiskOptions { VirtualSizeBytes = 1L << 30 });

        Assert.Equal(new FileInfo(_test["empty.qed"]).Length, measured.RequiredBytes);
        Assert.Equal(measured.RequiredBytes + (4 * 65536) + (1L << 30), measured.FullyAllocatedBytes);
    }

    [Fact]
    public async Task Measure_OntoAParent_CountsMarkersAsTablesOnly()
    {
        string parent = _test.Qed("parent.qed", 8 << 20, clusterBytes: 65536);
        byte[] data = new byte[8 << 20];
        new Random(1).NextBytes(data);
        CopyBench.Fill(_test, parent, "qed", data);
        using (var file = File.Create(_test["source.raw"]))
        {
            file.SetLength(8 << 20);
        }

        Dictionary<string, string> layout = new() { ["cluster_size"] = "65536", ["table_size"] = "2" };
        ImageMeasurement measured = await _test.Host.MeasureAsync(_test["source.raw"], new MeasureOptions { TargetFormat = "qed", FormatOptions = layout, ParentPath = parent, Source = new DiskOpenOptions { Format = "raw" } });
        await _test.Host.ConvertAsync(_test["source.raw"], _test["target.qed"], new ConvertOptions { TargetFormat = "qed", FormatOptions = layout, ParentPath = parent, Source = new DiskOpenOptions { Format = "raw" } });

        Assert.Equal(65536 + (2 * 65536) + (2 * 65536), measured.RequiredBytes);
        Assert.Equal(measured.RequiredBytes, new FileInfo(_test["target.qed"]).Length);
        Assert.All(CopyBench.Read(_test, _test["target.qed"]), value => Assert.Equal(0, value));
    }

    [Fact]
    public async Task Measure_RefusesWhatCreationRefuses()
    {
        var options = new MeasureOptions { TargetFormat = "qed", FormatOptions = new Dictionary<string, string> { ["cluster_size"] = "5000" } };

        ImageException refusal = await Assert.ThrowsAsync<ImageException>(async () => await _test.Host.MeasureAsync(1 << 20, options));

        Assert.Equal(ImageErrorKind.InvalidArgument, refusal.Kind);
    }

    [Fact]
    public async Task Convert_WhereTheVolumeIsTooSmall_IsRefusedBeforeAnythingIsWritten()
    {
        // More than any volume that a test runs on has; all of it data, for what maps tell.
        string source = _test.Qed("source.qed", 1L << 50, clusterBytes: 1 << 20);
        var options = new ConvertOptions { TargetFormat = "raw", FormatOptions = new Dictionary<string, string> { ["preallocation"] = "falloc" } };

        ImageException refusal = await Assert.ThrowsAsync<ImageException>(async () => await _test.Host.ConvertAsync(source, _test["target.raw"], options));

        Assert.Equal(ImageErrorKind.OutOfSpace, refusal.Kind);
        Assert.Contains("target.raw", refusal.Message, StringComparison.Ordinal);
        Assert.Contains((1L << 50).ToString(CultureInfo.InvariantCulture), refusal.Message, StringComparison.Ordinal);
        Assert.Equal(["source.qed"], _test.Files);
    }

    public void Dispose() => _test.Dispose();

    /// <summary>A raw file with some blocks of data that begin anywhere.</summary>
    private string MakeSparse(long sizeBytes, int seed)
    {
        var random = new Random(seed);
        using FileStream file = File.Create(_test["source.raw"]);
        file.SetLength(sizeBytes);
        for (int i = 0; i < 6 && sizeBytes > 0; i++)
        {
            byte[] data = new byte[Math.Min(sizeBytes, random.Next(1, 300_000))];
            random.NextBytes(data);
            file.Position = random.NextInt64(sizeBytes - data.Length + 1);
            file.Write(data);
        }

        return _test["source.raw"];
    }
}
