using QedVd.Host.Tests.Chains;
using QedVd.TestKit;

namespace QedVd.Host.Tests.Maintenance;

/// <summary>The operations over chains of real QED files, with the guest at work, and QEMU looking at the outcome.</summary>
public sealed class QedMaintenanceTests : IDisposable
{
    private const int Block = MaintenanceHost.Block;
    private const int Size = MaintenanceHost.Size;

    private readonly MaintenanceHost _test = new();

    public void Dispose() => _test.Dispose();

    [Theory]
    [InlineData(0)]
    [InlineData(512)]
    public async Task Grow_OverALongerParent_UnderLoad_ReadsZeroBeyondTheOldEnd_InQemuToo(int part)
    {
        int kept = (8 * Block) + part;
        await MakeChainAsync(depth: 3, kept);
        byte[] model = new byte[kept];
        model.AsSpan().Fill(7);
        using (VirtualDisk disk = _test.Open("top"))
        {
            // The last sectors are nobody's, so that the last cluster is free.
            var load = new DiskLoad(disk, model.AsSpan(0, 4 * Block).ToArray());
            await load.PassAsync(50);
            await disk.ResizeAsync(2 * Size, cancellationToken: TestContext.Current.CancellationToken);
            await load.PassAsync(50);
            await disk.ResizeAsync(64L << 20, cancellationToken: TestContext.Current.CancellationToken);
            await load.PassAsync(50);
            await load.StopAsync();
            byte[] live = new byte[2 * Size];
            disk.Read(0, live);
            Assert.Equal(-1, live.AsSpan(4 * Block, kept - (4 * Block)).IndexOfAnyExcept((byte)7));
            Assert.Equal(-1, live.AsSpan(kept).IndexOfAnyExcept((byte)0));
            disk.Read(0, model);
            disk.Close();
        }

        await CheckWithQemuAsync("top", [.. model, .. new byte[(64 << 20) - kept]]);
    }

    [Fact]
    public async Task ShrinkAndGrow_UnderLoad_LoseNothing()
    {
        await MakeChainAsync(depth: 4, Size);
        byte[] model = new byte[4 * Block];
        model.AsSpan().Fill(7);
        using (VirtualDisk disk = _test.Open("top"))
        {
            var load = new DiskLoad(disk, model);
            for (int i = 0; i < 6; i++)
            {
                await load.PassAsync(60);
                int size = i % 2 == 0 ? (4 * Block) + (512 * i) : Size + (512 * i);
                await disk.ResizeAsync(size, mayShrink: true, cancellationToken: TestContext.Current.CancellationToken);
                Assert.Equal(size, disk.LengthBytes);
                if (i % 2 == 1)
                {
                    byte[] grown = new byte[size - (4 * Block) - (512 * (i - 1))];
                    disk.Read((4 * Block) + (512 * (i - 1)), grown);
                    Assert.Equal(-1, grown.AsSpan().IndexOfAnyExcept((byte)0));
                }
            }

            await load.StopAsync();
            disk.Close();
        }

        using VirtualDisk again = _test.Open("top", readOnly: true);
        Assert.Equal(model, TestDisks.ReadAll(again)[..(4 * Block)]);
        await CheckWithQemuAsync("top", TestDisks.ReadAll(again));
    }

    [Fact]
    public async Task Rename_UnderLoad_WithARelativeParent_LosesNothing_AndQemuFindsTheParent()
    {
        await MakeChainAsync(depth: 2, Size);
        byte[] model = new byte[Size];
        model.AsSpan().Fill(7);
        using (VirtualDisk disk = _test.Open("top"))
        {
            var load = new DiskLoad(disk, model);
            foreach (string name in (string[])["sub/a", "sub/b", "top"])
            {
                await load.PassAsync(50);
                await disk.RenameAsync(_test[name], cancellationToken: TestContext.Current.CancellationToken);
            }

            await disk.RenameAsync(_test["sub/top"], cancellationToken: TestContext.Current.CancellationToken);
            await load.StopAsync();
            disk.Close();
        }

        Assert.Equal(("../parent1", null), await _test.ParentOf("sub/top"));
        await CheckWithQemuAsync("sub/top", model);
    }

    [Fact]
    public async Task ParentName_SetOnALiveDisk_IsWhatQemuFollows()
    {
        await MakeChainAsync(depth: 2, Size);
        _test.Create("sub/moved", "qed", value: 7);
        using (VirtualDisk disk = _test.Open("top"))
        {
            disk.Write(Block, [1]);
            await disk.SetParentNameAsync(_test["sub/moved"], cancellationToken: TestContext.Current.CancellationToken);
            disk.Write(3 * Block, [2]);
            disk.Close();
        }

        byte[] expected = new byte[Size];
        expected.AsSpan().Fill(7);
        expected[Block] = 1;
        expected[3 * Block] = 2;
        await CheckWithQemuAsync("top", expected);
        using VirtualDisk again = _test.Open("top", readOnly: true);
        Assert.Equal(_test["sub/moved"], again.Levels[1].Path);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Compact_UnderLoad_LosesNoWrite(bool equalToParent)
    {
        await MakeChainAsync(depth: 4, Size);
        byte[] model = new byte[Size];
        model.AsSpan().Fill(7);
        using (VirtualDisk disk = _test.Open("top"))
        {
            if (!_test.Host.Backends.Find("qed")!.Info.Capabilities.HasFlag(ImageCapabilities.Compact))
            {
                Assert.Equal(ImageErrorKind.NotSupported, (await Assert.ThrowsAsync<ImageException>(async () => await disk.CompactAsync())).Kind);
                return;
            }

            var load = new DiskLoad(disk, model);
            for (int i = 0; i < 6; i++)
            {
                await load.PassAsync(60);
                await disk.CompactAsync(new DiskCompactOptions { DropBlocksEqualToParent = equalToParent }, cancellationToken: TestContext.Current.CancellationToken);
            }

            await load.StopAsync();
            disk.Close();
        }

        await CheckWithQemuAsync("top", model);
    }

    /// <summary>"top" over "parent1" over ... the last of which is full of 7.</summary>
    private async Task MakeChainAsync(int depth, int topSize)
    {
        _test.Create($"parent{depth - 1}", "qed", value: 7);
        for (int i = depth - 2; i >= 0; i--)
        {
            await _test.Host.CreateOverlayAsync(
                _test[$"parent{i + 1}"], i == 0 ? _test["top"] : _test[$"parent{i}"],
                new CreateOverlayOptions
                {
                    VirtualSizeBytes = Size,
                    FormatOptions = new Dictionary<string, string> { ["cluster_size"] = "4096", ["table_size"] = "2" },
                });
        }

        if (topSize != Size)
        {
            await _test.Host.ResizeAsync(_test["top"], topSize, mayShrink: true);
        }
    }

    private async Task CheckWithQemuAsync(string name, byte[] expected)
    {
        string qemu = Peers.Require("qemu-img");
        (await ToolRun.RunAsync(qemu, ["check", "-f", "qed", _test[name]])).ShouldExitWith(0);
        (await ToolRun.RunAsync(qemu, ["convert", "-f", "qed", "-O", "raw", _test[name], _test["flat"]])).ShouldExitWith(0);
        byte[] flat = await File.ReadAllBytesAsync(_test["flat"]);
        Assert.True(expected.AsSpan().SequenceEqual(flat), "QEMU reads something else");
    }
}
