namespace QedVd.Host.Tests.Operations;

public sealed class CompareTests : IDisposable
{
    private const int Size = 2 << 20;

    private readonly TestHost _test = new();

    [Theory]
    [InlineData(Size, 1)]
    [InlineData(Size - (700 * 512), 2)]
    [InlineData(Size + (300 * 512), 3)]
    public async Task FindDifferences_AreAllSectorsThatDiffer_InOrder_Merged(int secondBytes, int seed)
    {
        byte[] first = CopyBench.Content(Size, seed);
        byte[] second = CopyBench.Content(secondBytes, seed + 50, first);
        await File.WriteAllBytesAsync(_test["a.raw"], first);
        string other = _test.Qed("b.qed", secondBytes);
        CopyBench.Fill(_test, other, "qed", second);
        using VirtualDisk a = _test.Host.OpenDisk(_test["a.raw"], new DiskOpenOptions { Format = "raw", ReadOnly = true });
        using VirtualDisk b = _test.Host.OpenDisk(other, new DiskOpenOptions { ReadOnly = true });

        List<DiskRange> found = [];
        await foreach (DiskRange range in _test.Host.FindDifferencesAsync(a, b))
        {
            found.Add(range);
        }

        List<DiskRange> expected = Expected(first, second);
        Assert.NotEmpty(expected);
        Assert.Equal(expected, found);
        long? firstByte = FirstDifference(first, second);
        Assert.Equal(firstByte, (await _test.Host.CompareAsync(a, b)).FirstDifferenceOffset);
        Assert.Equal(firstByte, (await _test.Host.CompareAsync(b, a)).FirstDifferenceOffset);
    }

    [Fact]
    public async Task FindDifferences_OfEqualDisks_AreNone()
    {
        byte[] content = CopyBench.Content(Size, 9);
        await File.WriteAllBytesAsync(_test["a.raw"], content);
        string other = _test.Qed("b.qed", Size + 4096);
        CopyBench.Fill(_test, other, "qed", content);
        using VirtualDisk a = _test.Host.OpenDisk(_test["a.raw"], new DiskOpenOptions { Format = "raw", ReadOnly = true });
        using VirtualDisk b = _test.Host.OpenDisk(other, new DiskOpenOptions { ReadOnly = true });

        await foreach (DiskRange range in _test.Host.FindDifferencesAsync(a, b))
        {
            Assert.Fail($"{range}");
        }

        Assert.True((await _test.Host.CompareAsync(a, b)).AreEqual);
    }

    [Fact]
    public async Task Compare_ManyDifferences_TellsTheLowest_AlwaysTheSame()
    {
        byte[] content = new byte[16 << 20];
        new Random(1).NextBytes(content);
        await File.WriteAllBytesAsync(_test["a.raw"], content);
        for (int i = 5_000_007; i < content.Length; i += 100_003)
        {
            content[i] ^= 1;
        }

        await File.WriteAllBytesAsync(_test["b.raw"], content);

        for (int round = 0; round < 20; round++)
        {
            Assert.Equal(5_000_007, (await _test.Host.CompareAsync(_test["a.raw"], _test["b.raw"])).FirstDifferenceOffset);
        }
    }

    [Fact]
    public async Task Compare_OfTwoOverlaysOverOneBase_DoesNotReadTheBase()
    {
        string below = _test.Qed("base.qed", Size);
        byte[] content = new byte[Size];
        new Random(1).NextBytes(content);
        CopyBench.Fill(_test, below, "qed", content);
        await _test.Host.CreateOverlayAsync(below, _test["a.qed"]);
        await _test.Host.CreateOverlayAsync(below, _test["b.qed"]);
        using VirtualDisk a = _test.Host.OpenDisk(_test["a.qed"], new DiskOpenOptions { ReadOnly = true });
        using VirtualDisk b = _test.Host.OpenDisk(_test["b.qed"], new DiskOpenOptions { ReadOnly = true });

        // All of it goes as "the same place": there is no piece to be read.
        await foreach (CopyPiece piece in new CopyPlan(a, b, 1 << 20, writesZeros: false).RunsAsync())
        {
            Assert.Fail($"{piece}");
        }

        Assert.True((await _test.Host.CompareAsync(a, b)).AreEqual);
    }

    public void Dispose() => _test.Dispose();

    private static long? FirstDifference(byte[] first, byte[] second)
    {
        int length = Math.Max(first.Length, second.Length);
        int same = CopyBench.Sized(first, length).AsSpan().CommonPrefixLength(CopyBench.Sized(second, length));
        return same == length ? null : same;
    }

    private static List<DiskRange> Expected(byte[] first, byte[] second)
    {
        int length = Math.Max(first.Length, second.Length);
        first = CopyBench.Sized(first, length);
        second = CopyBench.Sized(second, length);
        List<DiskRange> ranges = [];
        for (int at = 0; at < length; at += 512)
        {
            if (first.AsSpan(at, 512).SequenceEqual(second.AsSpan(at, 512)))
            {
                continue;
            }

            if (ranges.Count > 0 && ranges[^1].EndBytes == at)
            {
                ranges[^1] = ranges[^1] with { LengthBytes = ranges[^1].LengthBytes + 512 };
            }
            else
            {
                ranges.Add(new DiskRange(at, 512));
            }
        }

        return ranges;
    }
}
