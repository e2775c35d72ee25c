namespace QedVd.Host.Tests.Operations;

public sealed class ConvertTests : IDisposable
{
    private const int Size = 1 << 20;

    private readonly TestHost _test = new();

    [Theory]
    [InlineData("raw", "qed")]
    [InlineData("qed", "raw")]
    [InlineData("qed", "qed")]
    public async Task Convert_CopiesAChain_AndStaysSparse(string sourceFormat, string targetFormat)
    {
        string source = await MakeSource(sourceFormat);

        OperationResult result = await _test.Host.ConvertAsync(source, _test["target"], new ConvertOptions
        {
            TargetFormat = targetFormat,
            Source = new DiskOpenOptions { Format = sourceFormat },
            FormatOptions = targetFormat == "qed" ? new Dictionary<string, string> { ["cluster_size"] = "4096", ["table_size"] = "2" } : [],
        });
        CompareResult compared = await _test.Host.CompareAsync(source, _test["target"], new CompareOptions { First = new DiskOpenOptions { Format = sourceFormat }, Second = new DiskOpenOptions { Format = targetFormat } });

        Assert.True(compared.AreEqual);
        Assert.Equal(Size, result.DiskBytes);
        Assert.Equal(Size, result.CopiedBytes + result.SkippedBytes);
        Assert.InRange(result.CopiedBytes, 1, Size / 4);
        ImageDescription target = await _test.Host.DescribeImageAsync(_test["target"], new ImageOpenRequest { Format = targetFormat });
        Assert.True(target.AllocatedBytes < Size / 2, $"{target.AllocatedBytes} bytes used");
        if (targetFormat == "qed")
        {
            Assert.True((await _test.Host.CheckAsync(_test["target"])).IsClean);
        }
    }

    [Fact]
    public async Task Convert_Cancelled_LeavesNothing()
    {
        string source = _test.Raw("source.raw", 8 << 20, 1);
        using var cancel = new CancellationTokenSource();
        var progress = new Once(cancel);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
            await _test.Host.ConvertAsync(source, _test["target.qed"], new ConvertOptions { TargetFormat = "qed" }, progress, cancel.Token));

        Assert.Equal(["source.raw"], _test.Files);
    }

    [Fact]
    public async Task Convert_OntoAFileOfTheSourcesChain_IsRefused()
    {
        _test.Raw("base.raw", Size, 7);
        string top = _test.Qed("top.qed", Size, "base.raw", "raw");
        File.CreateSymbolicLink(_test["link"], "base.raw");

        foreach (string target in (string[])["base.raw", "top.qed", "link"])
        {
            ImageException refusal = await Assert.ThrowsAsync<ImageException>(async () =>
                await _test.Host.ConvertAsync(top, _test[target], new ConvertOptions { TargetFormat = "qed", Overwrite = true }));
            Assert.Equal(ImageErrorKind.InUse, refusal.Kind);
            Assert.Contains("belongs to the chain", refusal.Message, StringComparison.Ordinal);
        }

        Assert.Equal(7, File.ReadAllBytes(_test["base.raw"])[0]);
    }

    [Fact]
    public async Task Convert_ReplacesAFile_OnlyWhenAsked()
    {
        string source = _test.Raw("source.raw", Size, 1);
        _test.Raw("target.raw", 5, 2);
        var options = new ConvertOptions { TargetFormat = "raw" };

        Assert.Equal(ImageErrorKind.AlreadyExists, (await Assert.ThrowsAsync<ImageException>(async () => await _test.Host.ConvertAsync(source, _test["target.raw"], options))).Kind);
        await _test.Host.ConvertAsync(source, _test["target.raw"], options with { Overwrite = true });

        Assert.Equal(File.ReadAllBytes(source), File.ReadAllBytes(_test["target.raw"]));
    }

    [Fact]
    public async Task Compare_FindsTheFirstDifference()
    {
        string first = _test.Raw("a.raw", Size, 1);
        string second = _test.Raw("b.raw", Size, 1);
        byte[] bytes = File.ReadAllBytes(second);
        bytes[700_001] = 2;
        File.WriteAllBytes(second, bytes);

        CompareResult result = await _test.Host.CompareAsync(first, second);

        Assert.False(result.AreEqual);
        Assert.Equal(700_001, result.FirstDifferenceOffset);
    }

    [Fact]
    public async Task Compare_LongerDisk_MustBeZeroBeyondTheShorter()
    {
        string shorter = _test.Raw("a.raw", Size, 1);
        byte[] longer = [.. File.ReadAllBytes(shorter), .. new byte[Size]];
        File.WriteAllBytes(_test["b.raw"], longer);
        longer[^1] = 1;
        File.WriteAllBytes(_test["c.raw"], longer);

        Assert.True((await _test.Host.CompareAsync(shorter, _test["b.raw"])).AreEqual);
        CompareResult strict = await _test.Host.CompareAsync(shorter, _test["b.raw"], new CompareOptions { RequireSameLength = true });
        Assert.Equal((false, Size), (strict.AreEqual, strict.FirstDifferenceOffset));
        Assert.Equal((2 * Size) - 1, (await _test.Host.CompareAsync(_test["c.raw"], shorter)).FirstDifferenceOffset);
    }

    public void Dispose() => _test.Dispose();

    /// <summary>Data at both ends, a stretch of zeros that was written as data, and in the chain's case both levels and a zeroed stretch.</summary>
    private async Task<string> MakeSource(string format)
    {
        byte[] content = new byte[Size];
        new Random(1).NextBytes(content.AsSpan(1000, 50_000));
        new Random(2).NextBytes(content.AsSpan(Size - 10_000));
        if (format == "raw")
        {
            File.WriteAllBytes(_test["source"], content);
            return _test["source"];
        }

        string parent = _test.Qed("base.qed", Size);
        using (VirtualDisk disk = _test.Host.OpenDisk(parent))
        {
            disk.Write(0, content);
        }

        await _test.Host.CreateOverlayAsync(parent, _test["source"]);
        using VirtualDisk top = _test.Host.OpenDisk(_test["source"]);
        top.WriteZeroes(8192, 8192);
        top.Write(500_000, content.AsSpan(1000, 9000));
        return _test["source"];
    }

    private sealed class Once(CancellationTokenSource cancel) : IProgress<OperationProgress>
    {
        public void Report(OperationProgress value)
        {
            if (value.DoneBytes > 1 << 20)
            {
                cancel.Cancel();
            }
        }
    }
}
