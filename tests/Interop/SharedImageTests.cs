using QedVd.Host;
using QedVd.TestKit;

namespace QedVd.Interop.Tests;

/// <summary>One image, written by QEMU and by us in turn.</summary>
public sealed class SharedImageTests
{
    public static TheoryData<int, int> Geometries
    {
        get
        {
            TheoryData<int, int> data = [];
            foreach (int cluster in new[] { 4096, 65536, 1 << 20 })
            {
                foreach (int table in new[] { 2, 4, 16 })
                {
                    data.Add(cluster, table);
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Geometries))]
    public async Task History_CarriedOutInTurn_GivesBothTheSameDisk(int clusterBytes, int tableClusters)
    {
        long seed = LongRun.Seed();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        var random = new Random((int)seed ^ clusterBytes ^ tableClusters);
        foreach (string? parent in new[] { null, "base.raw", "base.qed" })
        {
            using var bench = new Workbench();
            long size = SizeFor(clusterBytes);
            byte[] content = new byte[size];
            if (parent is not null)
            {
                (await MakeParentAsync(bench, parent, size, clusterBytes, random)).CopyTo(content, 0);
            }

            await bench.CreateAsync("disk.qed", size, clusterBytes, tableClusters, parent, byQemu: random.Next(2) == 0);
            var history = new SharedHistory(bench, "disk.qed", clusterBytes, content, parent is not null, random);
            bool byQemu = random.Next(2) == 0;
            try
            {
                for (int session = 0; session < 4; session++, byQemu = !byQemu)
                {
                    await (byQemu ? history.QemuSessionAsync(20) : history.OurSessionAsync(20));
                    await bench.ShouldHoldAsync("disk.qed", history.Content, $"session {session}, by {(byQemu ? "QEMU" : "us")}");
                }
            }
            catch (Exception exception)
            {
                Assert.Fail($"seed {seed}, parent {parent ?? "none"}: {exception.Message}\n{history.Log}");
            }
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Chain_Of64Levels_ReadsTheSame_WhoeverMadeThem(bool ourTop)
    {
        const int Levels = 64;
        const int SizeBytes = (64 * 65536) + 1536;
        using var bench = new Workbench();
        byte[] content = new byte[SizeBytes];
        new Random(3).NextBytes(content.AsSpan(0, SizeBytes / 2));
        await File.WriteAllBytesAsync(bench.PathOf("level0.raw"), content[..(SizeBytes / 2 / 512 * 512)]);
        content.AsSpan(SizeBytes / 2 / 512 * 512).Clear();
        string parent = "level0.raw";
        for (int level = 1; level <= Levels; level++)
        {
            string name = $"level{level}.qed";
            int cluster = level % 3 == 0 ? 4096 : 65536;
            bool byQemu = level % 8 == 0 ? ourTop : level % 8 == 1;
            await bench.CreateAsync(name, SizeBytes, cluster, tableClusters: 4, parent, byQemu);

            // Each level changes a place of its own, in a part of a cluster, and the last bytes of the disk.
            long offset = (level - 1) * 65536L + 512;
            content.AsSpan((int)offset, 1024).Fill((byte)level);
            content.AsSpan(SizeBytes - 512).Fill((byte)level);
            if (byQemu)
            {
                await bench.IoAsync(name, [$"write -P {level} {offset} 1024", $"write -P {level} {SizeBytes - 512} 512"]);
            }
            else
            {
                using VirtualDisk disk = bench.Open(name);
                disk.Write(offset, content.AsSpan((int)offset, 1024));
                disk.Write(SizeBytes - 512, content.AsSpan(SizeBytes - 512));
                disk.Close();
            }

            parent = name;
            if (level is 1 or 2 or 16)
            {
                await bench.ShouldHoldAsync(name, content, $"level {level}");
            }
        }

        await bench.ShouldHoldAsync(parent, content, "the top");
    }

    [Fact]
    public async Task RequestsAcrossTables_AreOneDisk_ForBoth()
    {
        // 4 KiB clusters, tables of 2: a table covers 4 MiB. Requests that cross it, and the partial last cluster.
        using var bench = new Workbench();
        const int SizeBytes = (12 << 20) + 512;
        byte[] content = new byte[SizeBytes];
        await bench.CreateAsync("disk.qed", SizeBytes, 4096, 2, parent: null, byQemu: true);
        using (VirtualDisk disk = bench.Open("disk.qed"))
        {
            content.AsSpan((4 << 20) - 70_000, 140_000).Fill(0x5A);
            disk.Write((4 << 20) - 70_000, content.AsSpan((4 << 20) - 70_000, 140_000));
            disk.WriteZeroes((8 << 20) - 8192, 16384);
            disk.Close();
        }

        await bench.IoAsync("disk.qed", [$"write -P 7 {(8 << 20) - 4096} 8192", $"write -P 9 {SizeBytes - 512} 512"]);
        content.AsSpan((8 << 20) - 4096, 8192).Fill(7);
        content.AsSpan(SizeBytes - 512).Fill(9);
        await bench.ShouldHoldAsync("disk.qed", content, "across tables");
    }

    [Fact]
    public async Task PartOfAZeroCluster_OverAParent_StaysZero_WhenWeWriteIt()
    {
        // QEMU 7.2 brings the parent's bytes back here; the specification says zero.
        using var bench = new Workbench();
        byte[] parent = [.. Enumerable.Repeat((byte)0xAA, 4 * 65536)];
        await File.WriteAllBytesAsync(bench.PathOf("base.raw"), parent);
        await bench.CreateAsync("top.qed", parent.Length, 65536, 4, "base.raw", byQemu: true);
        await bench.IoAsync("top.qed", ["write -z 0 64k"]);
        using (VirtualDisk disk = bench.Open("top.qed"))
        {
            disk.Write(4096, parent.AsSpan(0, 4096));
            disk.Close();
        }

        parent.AsSpan(0, 4096).Clear();
        parent.AsSpan(8192, 65536 - 8192).Clear();
        await bench.ShouldHoldAsync("top.qed", parent, "the zero cluster");
    }

    private static long SizeFor(int clusterBytes) => (clusterBytes switch { 4096 => 5 << 20, 65536 => 3 << 20, _ => 7 << 20 }) + 1536;

    /// <summary>A parent that is shorter (raw) or longer (QED, of another cluster size) than the disk; returns what of it the disk sees.</summary>
    private static async Task<byte[]> MakeParentAsync(Workbench bench, string name, long sizeBytes, int clusterBytes, Random random)
    {
        byte[] visible = new byte[sizeBytes];
        int length = name.EndsWith(".raw", StringComparison.Ordinal) ? (int)(sizeBytes / 2 / 512 * 512) : (int)sizeBytes;
        random.NextBytes(visible.AsSpan(0, length));
        visible.AsSpan(length / 4, length / 4).Clear();
        if (name.EndsWith(".raw", StringComparison.Ordinal))
        {
            await File.WriteAllBytesAsync(bench.PathOf(name), visible[..length]);
            return visible;
        }

        await bench.CreateAsync(name, sizeBytes + 65536, clusterBytes == 4096 ? 65536 : 4096, 4, parent: null, byQemu: false);
        using VirtualDisk disk = bench.Open(name);
        disk.Write(0, visible.AsSpan(0, length / 4));
        disk.Write(length / 2, visible.AsSpan(length / 2));
        disk.Write(sizeBytes, new byte[] { 1, 2, 3 });
        disk.Close();
        return visible;
    }
}
