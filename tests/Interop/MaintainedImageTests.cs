using System.Globalization;
using QedVd.Host;
using QedVd.TestKit;

namespace QedVd.Interop.Tests;

/// <summary>What resize, another parent and repair leave is for QEMU what it is for us: clean, and the same bytes.</summary>
public sealed class MaintainedImageTests
{
    private const int Cluster = 4096;
    private const long Reach = 1L << 32;

    [Fact]
    public async Task GrownBeyondTheReachOfItsTables_IsReadAndWrittenByQemu()
    {
        using var bench = new Workbench();
        await bench.CreateAsync("disk.qed", Reach, Cluster, 2, parent: null, byQemu: true);
        await bench.IoAsync("disk.qed", ["write -P 1 0 8192", $"write -P 2 {Reach - 512} 512", "write -z 1M 64k"]);
        using (VirtualDisk disk = bench.Open("disk.qed"))
        {
            await disk.ResizeAsync(3 * Reach);
            disk.Write(Reach + 100, Bytes(3, 10_000));
            disk.Write((3 * Reach) - 512, Bytes(4, 512));
        }

        ToolRun check = await ToolRun.RunAsync(Peers.Require("qemu-img"), ["check", "-f", "qed", bench.PathOf("disk.qed")]);
        Assert.True(check.ExitCode is 0 or 3, check.Output + check.Error);
        await bench.IoAsync("disk.qed", ["read -P 1 0 8192", $"read -P 2 {Reach - 512} 512", "read -P 0 1M 64k", $"read -P 0 {Reach} 100", $"read -P 3 {Reach + 100} 10000", $"read -P 4 {(3 * Reach) - 512} 512", $"write -P 5 {2 * Reach} 4096"]);
        using VirtualDisk again = bench.Open("disk.qed");
        byte[] read = new byte[4096];
        again.Read(2 * Reach, read);
        Assert.Equal(Bytes(5, 4096), read);
    }

    [Theory]
    [InlineData(65536, 4)]
    [InlineData(4096, 2)]
    public async Task ShrunkAndGrownAgain_IsTheSameForBoth(int clusterBytes, int tableClusters)
    {
        using var bench = new Workbench();
        int size = (20 * clusterBytes) + 1536;
        byte[] content = Bytes(9, size);
        await bench.CreateAsync("disk.qed", size, clusterBytes, tableClusters, parent: null, byQemu: true);
        await bench.IoAsync("disk.qed", [string.Create(CultureInfo.InvariantCulture, $"write -P 9 0 {size}")]);
        int small = (7 * clusterBytes) + 512;
        using (VirtualDisk disk = bench.Open("disk.qed"))
        {
            await disk.ResizeAsync(small, mayShrink: true);
        }

        // QEMU puts a table behind the data that it was made for: the file cannot be cut there, and what is free before it is given back by a repair.
        CheckReport report = await bench.Host.CheckAsync(bench.PathOf("disk.qed"), new CheckOptions { Repair = RepairMode.Leaks });
        Assert.True(report.IsClean);
        await bench.ShouldHoldAsync("disk.qed", content[..small], "shrunk");
        await bench.ImgAsync("resize", "-f", "qed", bench.PathOf("disk.qed"), $"{size}");
        content.AsSpan(small).Clear();
        await bench.ShouldHoldAsync("disk.qed", content, "grown by QEMU");
        using (VirtualDisk disk = bench.Open("disk.qed"))
        {
            await disk.ResizeAsync(size + clusterBytes);
        }

        await bench.ShouldHoldAsync("disk.qed", [.. content, .. new byte[clusterBytes]], "grown by us");
    }

    [Fact]
    public async Task GrownOverALongerParent_ShowsZerosToQemuToo()
    {
        using var bench = new Workbench();
        int size = 10 * Cluster;
        await File.WriteAllBytesAsync(bench.PathOf("base.raw"), Bytes(7, 30 * Cluster), TestContext.Current.CancellationToken);
        await bench.CreateAsync("disk.qed", size - 512, Cluster, 2, "base.raw", byQemu: true);
        using (VirtualDisk disk = bench.Open("disk.qed"))
        {
            await disk.ResizeAsync(20 * Cluster);
        }

        await bench.ShouldHoldAsync("disk.qed", [.. Bytes(7, size - 512), .. new byte[(10 * Cluster) + 512]], "grown");
    }

    [Theory]
    [InlineData("raw")]
    [InlineData("qed")]
    public async Task RenamedParent_IsFoundByQemu_AndNoneIsNone(string format)
    {
        using var bench = new Workbench();
        int size = 10 * Cluster;
        byte[] content = Bytes(7, size);
        await File.WriteAllBytesAsync(bench.PathOf("base.raw"), content, TestContext.Current.CancellationToken);
        if (format == "qed")
        {
            await bench.ImgAsync("convert", "-f", "raw", "-O", "qed", bench.PathOf("base.raw"), bench.PathOf("base.qed"));
        }

        await bench.CreateAsync("disk.qed", size, Cluster, 2, $"base.{format}", byQemu: true);
        string other = $"another-and-much-longer-name-of-the-same-parent.{format}";
        using (VirtualDisk disk = bench.Open("disk.qed"))
        {
            disk.Write(0, Bytes(1, Cluster));
            Bytes(1, Cluster).CopyTo(content, 0);
            File.Copy(bench.PathOf($"base.{format}"), bench.PathOf(other));
            await disk.SetParentNameAsync(bench.PathOf(other), new SetParentOptions { Format = format });
        }

        File.Delete(bench.PathOf($"base.{format}"));
        await bench.ShouldHoldAsync("disk.qed", content, "over the new name");
        using (VirtualDisk disk = bench.Open("disk.qed"))
        {
            await disk.SetParentNameAsync(null);
        }

        File.Delete(bench.PathOf(other));
        content.AsSpan(Cluster).Clear();
        await bench.ShouldHoldAsync("disk.qed", content, "with no parent");
    }

    private static byte[] Bytes(byte value, int count)
    {
        byte[] bytes = new byte[count];
        bytes.AsSpan().Fill(value);
        return bytes;
    }
}
