using QedVd.Host;
using QedVd.TestKit;

namespace QedVd.Interop.Tests;

/// <summary>The same commit by us and by qemu-img, on copies of the same chain.</summary>
public sealed class CommitTests : IDisposable
{
    private const int Cluster = 4096;

    private readonly Workbench _bench = new();

    public void Dispose() => _bench.Dispose();

    [Theory]
    [InlineData(1, true, 80)]
    [InlineData(1, false, 80)]
    [InlineData(1, true, 120)]
    [InlineData(2, true, 80)]
    [InlineData(2, false, 120)]
    public async Task Commit_LeavesTheTargetAsQemuDoes_AndEverythingClean(int depth, bool keepTop, int topClusters)
    {
        long seed = LongRun.Seed();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        var random = new Random((int)seed);
        string[] names = ["base.qed", "middle.qed", "top.qed"];
        await _bench.CreateAsync("base.qed", 80 * Cluster, 2 * Cluster, 2, null, byQemu: true);
        await _bench.CreateAsync("middle.qed", topClusters * Cluster, Cluster, 2, "base.qed", byQemu: true);
        await _bench.CreateAsync("top.qed", topClusters * Cluster, Cluster, 2, "middle.qed", byQemu: true);
        foreach (string name in names)
        {
            // Whole clusters of the largest size: a write by QEMU 7.2 into a part of a zero cluster brings the parent's bytes back.
            await _bench.IoAsync(name, Enumerable.Range(0, 12).Select(_ =>
                $"write -q {(random.Next(4) == 0 ? "-z" : $"-P {random.Next(1, 200)}")} {random.Next(37) * 2 * Cluster} {random.Next(1, 4) * 2 * Cluster}"));
        }

        byte[] expected = Read("top.qed");
        Directory.CreateDirectory(_bench.PathOf("theirs"));
        foreach (string name in names)
        {
            File.Copy(_bench.PathOf(name), _bench.PathOf($"theirs/{name}"));
        }

        string target = names[2 - depth];
        string[] into = depth > 1 ? ["-b", _bench.PathOf($"theirs/{target}")] : [];
        await _bench.ImgAsync(["commit", "-q", "-f", "qed", "-d", .. into, _bench.PathOf("theirs/top.qed")]);
        await _bench.Host.CommitAsync(_bench.PathOf("top.qed"), new CommitOptions { TargetDepth = depth, KeepTop = keepTop });

        await _bench.ShouldHoldAsync("top.qed", expected, $"seed {seed}");
        await _bench.ImgAsync("compare", "-q", "-f", "qed", "-F", "qed", _bench.PathOf(target), _bench.PathOf($"theirs/{target}"));
        foreach (string name in (string[])["top.qed", target])
        {
            await _bench.ImgAsync("check", "-q", "-f", "qed", _bench.PathOf(name));
        }
    }

    private byte[] Read(string name)
    {
        using VirtualDisk disk = _bench.Open(name, readOnly: true);
        byte[] bytes = new byte[disk.LengthBytes];
        disk.Read(0, bytes);
        return bytes;
    }
}
