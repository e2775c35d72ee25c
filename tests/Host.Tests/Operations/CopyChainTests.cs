namespace QedVd.Host.Tests.Operations;

public sealed class CopyChainTests : IDisposable
{
    private const int Size = 1 << 20;

    private static readonly DiskOpenOptions s_source = new() { AllowedParentFormats = ["qed", "raw"] };

    private readonly TestHost _test = new();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task CopyChain_IsTheSameChain_LevelByLevel(int seed)
    {
        string[] levels = await MakeChainAsync(seed);
        Directory.CreateDirectory(_test["copy"]);

        IReadOnlyList<ImageDescription> copies = await _test.Host.CopyChainAsync(levels[0], _test["copy"], new CopyChainOptions { Source = s_source });

        Assert.Equal(["top.qed", "middle.qed", "low.qed", "base.raw"], copies.Select(copy => Path.GetFileName(copy.Path)));
        IReadOnlyList<ImageDescription> sources = await _test.Host.DescribeChainAsync(levels[0], s_source);
        IReadOnlyList<ImageDescription> chain = await _test.Host.DescribeChainAsync(_test["copy/top.qed"], s_source);
        Assert.Equal(sources.Select(Facts), chain.Select(Facts));
        for (int i = 0; i < levels.Length; i++)
        {
            await ShouldHoldTheSameAsync(levels[i], copies[i].Path, sources[i].FormatId);
        }

        Assert.Equal(CopyBench.Read(_test, levels[0]), CopyBench.Read(_test, _test["copy/top.qed"]));
    }

    [Fact]
    public async Task CopyChain_OfSomeLevels_LeavesTheRestWhereItIs()
    {
        string[] levels = await MakeChainAsync(4);
        Directory.CreateDirectory(_test["copy"]);

        IReadOnlyList<ImageDescription> copies = await _test.Host.CopyChainAsync(levels[0], _test["copy"], new CopyChainOptions { Source = s_source, Levels = 2 });

        Assert.Equal(2, copies.Count);
        Assert.Equal(levels[2], copies[1].ParentPath);
        Assert.Equal("../low.qed", copies[1].ParentName);
        using VirtualDisk disk = _test.Host.OpenDisk(copies[0].Path, s_source with { ReadOnly = true, AllowedRoots = [_test.Folder] });
        byte[] content = new byte[disk.LengthBytes];
        disk.Read(0, content);
        Assert.Equal(CopyBench.Read(_test, levels[0]), content);
    }

    [Fact]
    public async Task CopyChain_TwoLevelsWithOneName_AreNumbered()
    {
        _test.Qed("old/disk.qed", Size);
        string top = _test.Qed("disk.qed", Size, "old/disk.qed");
        CopyBench.Fill(_test, _test["old/disk.qed"], "qed", CopyBench.Content(Size, 1));
        Directory.CreateDirectory(_test["copy"]);

        IReadOnlyList<ImageDescription> copies = await _test.Host.CopyChainAsync(top, _test["copy"]);

        Assert.Equal(["disk.qed", "disk-2.qed"], copies.Select(copy => Path.GetFileName(copy.Path)));
        Assert.Equal(CopyBench.Read(_test, top), CopyBench.Read(_test, _test["copy/disk.qed"]));
    }

    [Fact]
    public async Task CopyChain_WhereOneNameIsTaken_LeavesNothing_AndWhatWasThere()
    {
        string[] levels = await MakeChainAsync(5);
        Directory.CreateDirectory(_test["copy"]);
        await File.WriteAllTextAsync(_test["copy/middle.qed"], "mine");

        ImageException refusal = await Assert.ThrowsAsync<ImageException>(async () =>
            await _test.Host.CopyChainAsync(levels[0], _test["copy"], new CopyChainOptions { Source = s_source }));

        Assert.Equal(ImageErrorKind.AlreadyExists, refusal.Kind);
        Assert.Equal(["copy/middle.qed"], _test.Files.Where(name => name.StartsWith("copy", StringComparison.Ordinal)));
        Assert.Equal("mine", await File.ReadAllTextAsync(_test["copy/middle.qed"]));
    }

    [Fact]
    public async Task CopyChain_WhenANameIsTakenAtTheLastMoment_TakesThePublishedOnesBack()
    {
        string[] levels = await MakeChainAsync(6);
        Directory.CreateDirectory(_test["copy"]);
        await File.WriteAllTextAsync(_test["copy/base.raw"], "old base");
        var progress = new Then("making durable", () =>
        {
            File.Delete(_test["copy/middle.qed"]);
            File.WriteAllText(_test["copy/middle.qed"], "somebody else");
        });

        // The base is replaced, the low one appears, and then the third meets a file that was not there when it was begun.
        await Assert.ThrowsAsync<ImageException>(async () =>
            await _test.Host.CopyChainAsync(levels[0], _test["copy"], new CopyChainOptions { Source = s_source, Overwrite = true }, progress));

        Assert.Equal(["copy/base.raw", "copy/middle.qed"], _test.Files.Where(name => name.StartsWith("copy", StringComparison.Ordinal)));
        Assert.Equal("old base", await File.ReadAllTextAsync(_test["copy/base.raw"]));
        Assert.Equal("somebody else", await File.ReadAllTextAsync(_test["copy/middle.qed"]));
    }

    [Fact]
    public async Task CopyChain_OntoItself_IsRefused()
    {
        string[] levels = await MakeChainAsync(7);

        ImageException refusal = await Assert.ThrowsAsync<ImageException>(async () =>
            await _test.Host.CopyChainAsync(levels[0], _test.Folder, new CopyChainOptions { Source = s_source, Overwrite = true }));

        Assert.Equal(ImageErrorKind.InUse, refusal.Kind);
    }

    [Fact]
    public async Task CopyChain_Cancelled_LeavesNothing()
    {
        string[] levels = await MakeChainAsync(8);
        Directory.CreateDirectory(_test["copy"]);
        using var cancel = new CancellationTokenSource();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
            await _test.Host.CopyChainAsync(levels[0], _test["copy"], new CopyChainOptions { Source = s_source }, new Then("copying", cancel.Cancel), cancel.Token));

        Assert.DoesNotContain(_test.Files, name => name.StartsWith("copy", StringComparison.Ordinal));
    }

    public void Dispose() => _test.Dispose();

    private static (string, string, long, int, string?, string?) Facts(ImageDescription image) =>
        (Path.GetFileName(image.Path), image.FormatId, image.VirtualSizeBytes, image.BlockBytes, image.ParentName, image.ParentFormatId);

    /// <summary>Raw, then three overlays of different sizes and clusters, with data, zeros and free clusters in all of them; one ends within a cluster.</summary>
    private async Task<string[]> MakeChainAsync(int seed)
    {
        await File.WriteAllBytesAsync(_test["base.raw"], CopyBench.Content(Size, seed));
        string[] names = ["top.qed", "middle.qed", "low.qed"];
        string parent = "base.raw";
        var random = new Random(seed);
        for (int i = 2; i >= 0; i--)
        {
            int size = Size + ((i - 1) * 150 * 512);
            _test.Qed(names[i], size, parent, i == 2 ? "raw" : null, clusterBytes: 4096 << i);
            using VirtualDisk disk = _test.Host.OpenDisk(_test[names[i]], s_source);
            for (int change = 0; change < 30; change++)
            {
                int length = random.Next(1, 40_000);
                int offset = random.Next(size - length);
                switch (random.Next(3))
                {
                    case 0:
                        disk.Write(offset, CopyBench.Content(length, seed + change));
                        break;
                    case 1:
                        disk.WriteZeroes(offset, length);
                        break;
                    default:
                        disk.Discard(offset, length);
                        break;
                }
            }

            disk.WriteZeroes(size - 5000, 5000);
            disk.Close();
            parent = names[i];
        }

        return [.. names.Select(name => _test[name]), _test["base.raw"]];
    }

    /// <summary>Where the level has nothing, its copy has nothing; elsewhere both read the same.</summary>
    private async Task ShouldHoldTheSameAsync(string source, string copy, string format)
    {
        if (format == "raw")
        {
            Assert.Equal(await File.ReadAllBytesAsync(source), await File.ReadAllBytesAsync(copy));
            return;
        }

        await CopyBench.ShouldBeCleanAsync(_test, copy);
        var request = new ImageOpenRequest { Format = format, ForContent = true };
        await using OpenedImage a = await _test.Host.OpenImageAsync(source, request);
        await using OpenedImage b = await _test.Host.OpenImageAsync(copy, request);
        int block = a.Image.Limits.BlockBytes;
        byte[] first = new byte[block];
        byte[] second = new byte[block];
        for (long at = 0; at < a.Image.VirtualSizeBytes; at += block)
        {
            int length = (int)Math.Min(block, a.Image.VirtualSizeBytes - at);
            Assert.True(IsFree(a.Image, at, length) == IsFree(b.Image, at, length), $"{Path.GetFileName(source)}: the block at {at}");
            Read(a.Image, at, first.AsSpan(0, length));
            Read(b.Image, at, second.AsSpan(0, length));
            Assert.True(first.AsSpan(0, length).SequenceEqual(second.AsSpan(0, length)), $"{Path.GetFileName(source)}: the bytes at {at}");
        }
    }

    private static bool IsFree(IDiskImage image, long offset, int lengthBytes) => image.Map(offset, lengthBytes).Kind == ExtentKind.Free;

    private static void Read(IDiskImage image, long offset, Span<byte> buffer)
    {
        while (buffer.Length > 0)
        {
            ReadResult result = image.Read(offset, buffer);
            if (result.Kind != ExtentKind.Data)
            {
                buffer[..result.Length].Clear();
            }

            offset += result.Length;
            buffer = buffer[result.Length..];
        }
    }

    private sealed class Then(string phase, Action act) : IProgress<OperationProgress>
    {
        private Action? _act = act;

        public void Report(OperationProgress value)
        {
            if (value.Phase == phase)
            {
                Interlocked.Exchange(ref _act, null)?.Invoke();
            }
        }
    }
}
