using QedVd.Backends.Qed.Tests.Engine;
using QedVd.Host;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Resizing;

/// <summary>What was resized here, as QEMU sees it.</summary>
public sealed class ResizeQemuTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("qedvd-resize-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(65536, 4, 1L << 40, (64L << 40) + (1L << 20))]
    [InlineData(4096, 2, 3L << 30, 9L << 30)]
    [InlineData(65536, 4, (1L << 30) + 512, 5L << 30)]
    [InlineData(65536, 4, 5L << 30, (2L << 30) + 1536)]
    public async Task ResizedImage_IsSoundForQemu_ReadsAsItDid_AndTakesItsWrites(int clusterBytes, int tableClusters, long old, long size)
    {
        string path = Path.Combine(_folder, "disk.qed");
        await Run("qemu-img", "create", "-q", "-f", "qed", "-o", $"cluster_size={clusterBytes},table_size={tableClusters}", path, $"{old}");
        long kept = Math.Min(old, size);
        await Run("qemu-io", "-f", "qed", "-c", "write -q -P 0x11 0 128k", "-c", $"write -q -P 0x22 {(kept / 2) & -512} 512", "-c", $"write -q -P 0x33 {kept - 512} 512", "-c", $"write -q -P 0x44 {old - 512} 512", path);
        await using (IDiskImage image = Open(path))
        {
            await image.ResizeAsync(size, mayShrink: true);
        }

        string info = (await Run("qemu-img", "info", path)).Output;
        Assert.Contains($"({size} bytes)", info, StringComparison.Ordinal);
        ToolRun check = await ToolRun.RunAsync(Peers.Require("qemu-img"), ["check", "-f", "qed", path]);
        Assert.True(check.ExitCode is 0 or 3, check.Output + check.Error);
        string last = old == kept ? "0x44" : "0x33";
        string output = (await Run(
            "qemu-io", "-f", "qed", "-c", "read -q -P 0x11 0 128k", "-c", $"read -q -P 0x22 {(kept / 2) & -512} 512", "-c", $"read -q -P {last} {kept - 512} 512",
            "-c", $"read -q -P {(size > old ? 0 : last)} {size - 512} 512", "-c", $"write -q -P 0x55 {size - 512} 512", "-c", $"write -q -P 0x66 {(kept / 4) & -512} 512", path)).Output;
        Assert.DoesNotContain("failed", output, StringComparison.Ordinal);
        check = await ToolRun.RunAsync(Peers.Require("qemu-img"), ["check", "-f", "qed", path]);
        Assert.True(check.ExitCode is 0 or 3, check.Output + check.Error);

        await using IDiskImage again = Open(path);
        Assert.All(GuestDisk.Read(again, size - 512, 512), value => Assert.Equal(0x55, value));
        Assert.All(GuestDisk.Read(again, (kept / 4) & -512, 512), value => Assert.Equal(0x66, value));
    }

    [Fact]
    public async Task OverlayOfALongerParent_Grown_IsZeroForQemuInTheNewPart()
    {
        string parent = Path.Combine(_folder, "parent.raw");
        await File.WriteAllBytesAsync(parent, ConcurrencyTests.Pattern(8 << 20, 1));
        string path = Path.Combine(_folder, "overlay.qed");
        await Run("qemu-img", "create", "-q", "-f", "qed", "-b", parent, "-F", "raw", path, "1M");
        await using (IDiskImage image = Open(path))
        {
            image.SetBeneath(Beneath.UpTo(8 << 20));
            await image.ResizeAsync(16 << 20, mayShrink: false);
        }

        string flat = Path.Combine(_folder, "flat.raw");
        await Run("qemu-img", "convert", "-f", "qed", "-O", "raw", path, flat);
        byte[] expected = new byte[16 << 20];
        ConcurrencyTests.Pattern(8 << 20, 1).AsSpan(0, 1 << 20).CopyTo(expected);
        Assert.True((await File.ReadAllBytesAsync(flat)).AsSpan().SequenceEqual(expected));
        Assert.Contains("No errors were found", (await Run("qemu-img", "check", "-f", "qed", path)).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task DiskThatShrank_GrownByQemu_ShowsZeros()
    {
        string path = Path.Combine(_folder, "disk.qed");
        await Run("qemu-img", "create", "-q", "-f", "qed", path, "64M");
        await Run("qemu-io", "-f", "qed", "-c", "write -q -P 0x11 0 64M", path);
        await using (IDiskImage image = Open(path))
        {
            await image.ResizeAsync((10 << 20) + 512, mayShrink: true);

            // QEMU has put the table at the end of the file: the room goes back all the same.
            Assert.InRange(image.GetFileSize().AllocatedBytes, 0, 12 << 20);
        }

        ToolRun check = await ToolRun.RunAsync(Peers.Require("qemu-img"), ["check", "-f", "qed", path]);
        Assert.True(check.ExitCode is 0 or 3, check.Output + check.Error);
        await Run("qemu-img", "resize", "-q", "-f", "qed", path, "64M");
        string output = (await Run("qemu-io", "-f", "qed", "-c", $"read -q -P 0x11 0 {(10 << 20) + 512}", "-c", $"read -q -P 0 {(10 << 20) + 512} {(54 << 20) - 512}", path)).Output;
        Assert.DoesNotContain("failed", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ParentNameSetHere_IsTheOneThatQemuOpens()
    {
        foreach ((string name, byte value) in new[] { ("a.raw", 1), ("a longer name.raw", 2) }.Select(pair => (pair.Item1, (byte)pair.Item2)))
        {
            await File.WriteAllBytesAsync(Path.Combine(_folder, name), [.. Enumerable.Repeat(value, 1 << 20)]);
        }

        string path = Path.Combine(_folder, "overlay.qed");
        await Run("qemu-img", "create", "-q", "-f", "qed", "-b", Path.Combine(_folder, "a.raw"), "-F", "raw", path, "1M");
        foreach (string name in new[] { "a longer name.raw", "a.raw" })
        {
            await using (IDiskImage image = Open(path))
            {
                await image.SetParentAsync(new ParentReference(name, ParentReference.Raw));
            }

            Assert.Contains($"backing file: {name} (", (await Run("qemu-img", "info", path)).Output, StringComparison.Ordinal);
            string output = (await Run("qemu-io", "-f", "qed", "-c", $"read -q -P {(name[1] == '.' ? 1 : 2)} 0 1M", path)).Output;
            Assert.DoesNotContain("failed", output, StringComparison.Ordinal);
        }

        await using (IDiskImage image = Open(path))
        {
            await image.SetParentAsync(null);
        }

        Assert.DoesNotContain("backing", (await Run("qemu-img", "info", path)).Output, StringComparison.Ordinal);
    }

    private static IDiskImage Open(string path) => new QedBackend().Open(FileStorage.Open(path), new ImageOpenOptions());

    private static async Task<ToolRun> Run(string tool, params string[] arguments) => (await ToolRun.RunAsync(Peers.Require(tool), arguments)).ShouldExitWith(0);
}
