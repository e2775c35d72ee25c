namespace QedVd.Host.Tests.Operations;

public sealed class ConvertIntoTests : IDisposable
{
    private const int Size = 3 << 20;
    private const int Longer = Size + 700_000 - (700_000 % 512);

    private readonly TestHost _test = new();

    [Theory]
    [InlineData("raw", 4096, 1)]
    [InlineData("qed", 4096, 2)]
    [InlineData("qed", 65536, 3)]
    [InlineData("overlay", 65536, 4)]
    [InlineData("overlay", 4096, 0)]
    public async Task ConvertIntoAnExistingImage_MakesZerosZero_AndLeavesWhatLiesBeyond(string kind, int clusterBytes, int zeroBlockBytes)
    {
        byte[] before = CopyBench.Content(Longer, 10);
        byte[] content = CopyBench.Content(Size, 11);
        string target = await MakeTargetAsync(kind, clusterBytes, before);
        await File.WriteAllBytesAsync(_test["source.raw"], content);

        await _test.Host.ConvertAsync(_test["source.raw"], target, Options(kind == "raw" ? "raw" : null) with { ZeroBlockBytes = zeroBlockBytes });

        Assert.Equal([.. content, .. before[Size..]], CopyBench.Read(_test, target, kind == "raw" ? "raw" : "qed"));
        if (kind != "raw")
        {
            await CopyBench.ShouldBeCleanAsync(_test, target);
        }
    }

    [Fact]
    public async Task ConvertIntoAnExistingImage_Cancelled_LeavesAValidOne_AndARerunCompletes()
    {
        byte[] before = CopyBench.Content(Longer, 20);
        byte[] content = CopyBench.Content(Size, 21);
        string target = await MakeTargetAsync("overlay", 4096, before);
        await File.WriteAllBytesAsync(_test["source.raw"], content);
        using var cancel = new CancellationTokenSource();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
            await _test.Host.ConvertAsync(_test["source.raw"], target, Options(null), new CancelAt(1 << 20, cancel), cancel.Token));
        await CopyBench.ShouldBeCleanAsync(_test, target);
        byte[] half = CopyBench.Read(_test, target);
        Assert.Equal(before[Size..], half[Size..]);
        for (int i = 0; i < Size; i++)
        {
            Assert.True(half[i] == before[i] || half[i] == content[i], $"byte {i}");
        }

        await _test.Host.ConvertAsync(_test["source.raw"], target, Options(null));

        Assert.Equal([.. content, .. before[Size..]], CopyBench.Read(_test, target));
    }

    [Fact]
    public async Task ConvertIntoAnExistingImage_RefusesWhatDoesNotFit()
    {
        string source = _test.Raw("source.raw", Size, 1);
        string small = _test.Qed("small.qed", Size - 512);
        string good = _test.Qed("good.qed", Size);
        string child = _test.Qed("child.qed", Size, "good.qed");

        Assert.Equal(ImageErrorKind.InvalidArgument, await RefusalAsync(source, small, Options(null)));
        Assert.Equal(ImageErrorKind.InvalidArgument, await RefusalAsync(source, good, Options(null) with { ParentPath = small }));
        Assert.Equal(ImageErrorKind.NotFound, await RefusalAsync(source, _test["none.qed"], Options(null)));
        Assert.Equal(ImageErrorKind.InUse, await RefusalAsync(child, good, Options(null) with { Source = new DiskOpenOptions() }));
        using VirtualDisk holder = _test.Host.OpenDisk(good);
        Assert.Equal(ImageErrorKind.InUse, await RefusalAsync(source, good, Options(null)));
    }

    [Fact]
    public async Task ConvertIntoARawFile_NeedsItsFormat()
    {
        string source = _test.Raw("source.raw", Size, 1);
        string target = _test.Raw("target.raw", Size, 2);

        await Assert.ThrowsAsync<ImageException>(async () => await _test.Host.ConvertAsync(source, target, Options(null)));

        Assert.Equal(2, (await File.ReadAllBytesAsync(target))[0]);
    }

    public void Dispose() => _test.Dispose();

    private static ConvertOptions Options(string? format) => new() { TargetFormat = format, IntoExisting = true, Source = new DiskOpenOptions { Format = "raw" } };

    private async Task<ImageErrorKind> RefusalAsync(string source, string target, ConvertOptions options) =>
        (await Assert.ThrowsAsync<ImageException>(async () => await _test.Host.ConvertAsync(source, target, options))).Kind;

    private async Task<string> MakeTargetAsync(string kind, int clusterBytes, byte[] content)
    {
        if (kind == "raw")
        {
            await File.WriteAllBytesAsync(_test["target"], content);
            return _test["target"];
        }

        string target = _test.Qed(kind == "overlay" ? "base.qed" : "target", content.Length, clusterBytes: clusterBytes);
        CopyBench.Fill(_test, target, "qed", content);
        if (kind == "overlay")
        {
            target = _test.Qed("target", content.Length, "base.qed", clusterBytes: clusterBytes);
            using VirtualDisk top = _test.Host.OpenDisk(target);
            top.Write(200_000, content.AsSpan(200_000, 100_000));
            top.Close();
        }

        return target;
    }

    private sealed class CancelAt(long offset, CancellationTokenSource cancel) : IProgress<OperationProgress>
    {
        public void Report(OperationProgress value)
        {
            if (value.DoneBytes > offset)
            {
                cancel.Cancel();
            }
        }
    }
}
