using QedVd.Backends.Qed;
using QedVd.Host.Tests.Chains;

namespace QedVd.Host.Tests.Operations;

/// <summary>A chain of disks as large as a disk can be: the end of the last block has no number any more.</summary>
public sealed class LargestChainTests : IDisposable
{
    private const long Size = long.MaxValue - 511;
    private const int Cluster = 1 << 26;

    private readonly TestHost _test = new();

    [Fact]
    public void Changes_AtTheEndOfTheLargestChain_AreThoseOfAnyOther()
    {
        Make("base.qed", null);
        using (VirtualDisk bottom = _test.Host.OpenDisk(_test["base.qed"]))
        {
            bottom.Write(Size - 1024, Enumerable.Repeat((byte)9, 1024).ToArray());
        }

        Make("top.qed", "base.qed");
        using VirtualDisk disk = _test.Host.OpenDisk(_test["top.qed"]);
        disk.Write(Size - 512, [1, 2, 3]);
        disk.WriteZeroes(Size - 10, 10);
        byte[] bytes = new byte[1024];
        disk.Read(Size - 1024, bytes);
        byte[] expected = [.. Enumerable.Repeat((byte)9, 1024)];
        ((byte[])[1, 2, 3]).CopyTo(expected, 512);
        expected.AsSpan(1014).Clear();
        Assert.Equal(expected, bytes);
    }

    [Fact]
    public void ZeroesAndDiscard_OfAFreeLastBlock_OverAParent()
    {
        Make("base.qed", null);
        using (VirtualDisk bottom = _test.Host.OpenDisk(_test["base.qed"]))
        {
            bottom.Write(Size - 1024, Enumerable.Repeat((byte)9, 1024).ToArray());
        }

        Make("top.qed", "base.qed");
        using VirtualDisk disk = _test.Host.OpenDisk(_test["top.qed"]);
        disk.Discard(Size - 512, 512);
        long lastBlock = Size - (Size % Cluster);
        disk.WriteZeroes(lastBlock, Size - lastBlock);
        byte[] bytes = new byte[1024];
        disk.Read(Size - 1024, bytes);
        Assert.Equal(new byte[1024], bytes);
    }

    [Theory]
    [InlineData("flatten")]
    [InlineData("merge up")]
    [InlineData("merge down")]
    [InlineData("commit")]
    public async Task Operation_OnTheLargestChain_TakesItsLastBlockWithIt(string operation)
    {
        CancellationToken stop = TestContext.Current.CancellationToken;
        Make("base.qed", null);
        Make("mid.qed", "base.qed");
        using (VirtualDisk middle = _test.Host.OpenDisk(_test["mid.qed"]))
        {
            middle.Write(Size - 1024, Enumerable.Repeat((byte)9, 1024).ToArray());
        }

        Make("top.qed", "mid.qed");
        await using VirtualDisk disk = _test.Host.OpenDisk(_test["top.qed"]);
        Task work = operation switch
        {
            "flatten" => disk.FlattenAsync(cancellationToken: stop).AsTask(),
            "commit" => disk.CommitAsync(new CommitOptions { TargetDepth = 2 }, cancellationToken: stop).AsTask(),
            "merge up" => disk.MergeAsync(new MergeOptions { Direction = MergeDirection.Up }, cancellationToken: stop).AsTask(),
            _ => disk.MergeAsync(new MergeOptions { FromDepth = 1, ToDepth = 2, Direction = MergeDirection.Down }, cancellationToken: stop).AsTask(),
        };
        await work;

        byte[] bytes = new byte[2048];
        await disk.ReadAsync(Size - 2048, bytes, stop);
        Assert.Equal([.. new byte[1024], .. Enumerable.Repeat((byte)9, 1024)], bytes);
    }

    [Fact]
    public async Task ReadConvertAndCompare_OfTheLargestDeepChain_ReachItsEnd()
    {
        Make("0.qed", null);
        using (VirtualDisk bottom = _test.Host.OpenDisk(_test["0.qed"]))
        {
            bottom.Write(Size - 1024, Enumerable.Repeat((byte)9, 1024).ToArray());
        }

        for (int i = 1; i <= 4; i++)
        {
            Make($"{i}.qed", $"{i - 1}.qed");
        }

        using (VirtualDisk disk = _test.Host.OpenDisk(_test["4.qed"], new DiskOpenOptions { ReadOnly = true }))
        {
            for (int i = 0; i < 3; i++)
            {
                byte[] bytes = new byte[4096];
                disk.Read(Size - 4096, bytes);
                Assert.Equal(3072, bytes.AsSpan().IndexOf((byte)9));
                await disk.ReadAsync(Size - 4096, bytes, TestContext.Current.CancellationToken);
                Assert.Equal(3072, bytes.AsSpan().IndexOf((byte)9));
            }
        }

        var options = new ConvertOptions { TargetFormat = "qed", FormatOptions = Options };
        await _test.Host.ConvertAsync(_test["4.qed"], _test["copy.qed"], options, cancellationToken: TestContext.Current.CancellationToken);
        CompareResult result = await _test.Host.CompareAsync(_test["4.qed"], _test["copy.qed"], cancellationToken: TestContext.Current.CancellationToken);
        Assert.True(result.AreEqual);
    }

    [Fact]
    public async Task Write_TwoPartsOfTheLastBlock_AtTheSameTime_BothSurvive()
    {
        Make("base.qed", null);
        Make("top.qed", "base.qed");
        var top = new Watched(new QedBackend().Open(FileStorage.Open(_test["top.qed"]), new ImageOpenOptions()));
        IDiskImage bottom = new QedBackend().Open(FileStorage.Open(_test["base.qed"]), new ImageOpenOptions());
        bottom.Write(Size - 512, [9]);
        using VirtualDisk disk = TestDisks.Compose(top, bottom);
        Task? second = null;
        top.OnAllocate = () => second ??= Task.Run(() => disk.Write(Size - 256, [2]), TestContext.Current.CancellationToken);
        top.Rest = () => Assert.False(second!.Wait(100));

        disk.Write(Size - 1024, [1]);
        await second!;

        byte[] bytes = new byte[1024];
        disk.Read(Size - 1024, bytes);
        Assert.Equal((1, 9, 2), (bytes[0], bytes[512], bytes[768]));
    }

    public void Dispose() => _test.Dispose();

    private static Dictionary<string, string> Options => new() { ["cluster_size"] = $"{Cluster}", ["table_size"] = "16", ["qemu_compat"] = "off" };

    private void Make(string name, string? parent) => TestHost.Run(_test.Host.CreateImageAsync(
        _test[name], "qed", new CreateDiskOptions { VirtualSizeBytes = Size, ParentName = parent, ParentFormat = parent is null ? null : "qed", FormatOptions = Options }));

    private sealed class Watched(IDiskImage inner) : DelegatingImage(inner)
    {
        public Func<Task>? OnAllocate { get; set; }

        public Action? Rest { get; set; }

        protected override ValueTask<WriteResult> WriteCore<TIo>(long offset, IoBuffer buffer, WriteFlags flags, CancellationToken cancellationToken)
        {
            if ((flags & WriteFlags.NoAllocate) == 0 && OnAllocate is { } first)
            {
                OnAllocate = null;
                first();
                Rest!();
            }

            return base.WriteCore<TIo>(offset, buffer, flags, cancellationToken);
        }
    }
}
