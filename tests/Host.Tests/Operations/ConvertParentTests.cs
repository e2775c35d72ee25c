namespace QedVd.Host.Tests.Operations;

public sealed class ConvertParentTests : IDisposable
{
    private const int Size = 3 << 20;

    private readonly TestHost _test = new();

    [Theory]
    [InlineData("qed", 4096, Size, 1)]
    [InlineData("qed", 65536, Size, 2)]
    [InlineData("raw", 65536, Size, 3)]
    [InlineData("qed", 65536, Size - 100_000 - 352, 4)]
    [InlineData("qed", 65536, Size + (1 << 20), 5)]
    [InlineData("raw", 2 << 20, Size / 2, 6)]
    public async Task ConvertOntoAParent_ReadsAsTheSource_AndNamesTheParent(string parentFormat, int clusterBytes, int parentBytes, int seed)
    {
        string parent = parentFormat == "raw" ? _test["parent.raw"] : _test.Qed("parent.qed", parentBytes);
        byte[] below = CopyBench.Content(parentBytes, seed);
        await MakeAsync(parent, parentFormat, below);
        byte[] content = CopyBench.Content(Size, seed + 100, below);
        string source = _test["source.raw"];
        await File.WriteAllBytesAsync(source, content);

        await _test.Host.ConvertAsync(source, _test["sub/../target.qed"], Options(parent, parentFormat, clusterBytes) with { Source = new DiskOpenOptions { Format = "raw" } });

        Assert.Equal(content, CopyBench.Read(_test, _test["target.qed"]));
        await CopyBench.ShouldBeCleanAsync(_test, _test["target.qed"]);
        ImageDescription target = await _test.Host.DescribeImageAsync(_test["target.qed"]);
        Assert.Equal((Path.GetFileName(parent), parentFormat == "raw" ? "raw" : null), (target.ParentName, target.ParentFormatId));
    }

    [Fact]
    public async Task ConvertOntoAParent_StoresWhatDiffers_AndNothingElse()
    {
        const int Cluster = 65536;
        byte[] below = new byte[Size];
        new Random(1).NextBytes(below);
        string parent = _test.Qed("parent.qed", Size, clusterBytes: Cluster);
        CopyBench.Fill(_test, parent, "qed", below);
        byte[] content = [.. below];
        content[5 * Cluster] ^= 1;
        content.AsSpan(9 * Cluster, 2 * Cluster).Clear();
        await File.WriteAllBytesAsync(_test["source.raw"], content);

        OperationResult result = await _test.Host.ConvertAsync(_test["source.raw"], _test["target.qed"], Options(parent, "qed", Cluster) with { Source = new DiskOpenOptions { Format = "raw" } });

        Assert.Equal(content, CopyBench.Read(_test, _test["target.qed"]));
        CheckReport report = await _test.Host.CheckAsync(_test["target.qed"]);
        Assert.Equal((1, 2), (report.AllocatedClusters, report.ZeroClusters));
        Assert.Equal(Cluster, result.CopiedBytes);
    }

    [Fact]
    public async Task ConvertOntoTheSourcesOwnBase_CopiesTheTopOnly()
    {
        byte[] below = CopyBench.Content(Size, 1);
        string parent = _test.Qed("base.qed", Size);
        CopyBench.Fill(_test, parent, "qed", below);
        await _test.Host.CreateOverlayAsync(parent, _test["top.qed"]);
        using (VirtualDisk top = _test.Host.OpenDisk(_test["top.qed"]))
        {
            top.Write(100_000, new byte[] { 1, 2, 3 });
            top.Close();
        }

        OperationResult result = await _test.Host.ConvertAsync(_test["top.qed"], _test["target.qed"], Options(parent, null, 4096));

        Assert.Equal(CopyBench.Read(_test, _test["top.qed"]), CopyBench.Read(_test, _test["target.qed"]));
        Assert.Equal(4096, result.CopiedBytes);
    }

    [Fact]
    public async Task ConvertOntoAParent_OfAFormatWithoutParents_IsRefused_AndLeavesNothing()
    {
        string parent = _test.Qed("parent.qed", Size);
        string source = _test.Raw("source.raw", Size, 1);

        ImageException refusal = await Assert.ThrowsAsync<ImageException>(async () =>
            await _test.Host.ConvertAsync(source, _test["target.raw"], new ConvertOptions { TargetFormat = "raw", ParentPath = parent }));

        Assert.Equal(ImageErrorKind.NotSupported, refusal.Kind);
        Assert.Equal(["parent.qed", "source.raw"], _test.Files);
    }

    [Fact]
    public async Task ConvertOverTheParentItself_IsRefused()
    {
        string parent = _test.Qed("parent.qed", Size);
        string source = _test.Raw("source.raw", Size, 1);

        ImageException refusal = await Assert.ThrowsAsync<ImageException>(async () =>
            await _test.Host.ConvertAsync(source, parent, Options(parent, "qed", 4096) with { Overwrite = true }));

        Assert.Equal(ImageErrorKind.InUse, refusal.Kind);
    }

    public void Dispose() => _test.Dispose();

    private static ConvertOptions Options(string parent, string? parentFormat, int clusterBytes) => new()
    {
        TargetFormat = "qed",
        ParentPath = parent,
        ParentFormat = parentFormat,
        FormatOptions = new Dictionary<string, string> { ["cluster_size"] = $"{clusterBytes}", ["table_size"] = "2" },
    };

    private async Task MakeAsync(string path, string format, byte[] content)
    {
        if (format == "raw")
        {
            await File.WriteAllBytesAsync(path, content);
        }
        else
        {
            CopyBench.Fill(_test, path, format, content);
        }
    }
}
