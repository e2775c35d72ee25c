using QedVd.Host;
using QedVd.TestKit;

namespace QedVd.Interop.Tests;

/// <summary>The same rebase by us and by qemu-img, on copies of the same image.</summary>
public sealed class RebaseTests : IDisposable
{
    private const int Cluster = 4096;

    private readonly Workbench _bench = new();

    public void Dispose() => _bench.Dispose();

    [Theory]
    [InlineData(null)]
    [InlineData("other.qed")]
    [InlineData("other.raw")]
    [InlineData("base.raw")]
    [InlineData("sibling.qed")]
    public async Task Rebase_ReadsAsQemus_AndHoldsNoMoreClusters(string? target)
    {
        long seed = LongRun.Seed();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        var random = new Random((int)seed);

        // Whole clusters only: a write by QEMU 7.2 into a part of a zero cluster brings the parent's bytes back.
        await _bench.ImgAsync("create", "-q", "-f", "raw", _bench.PathOf("base.raw"), $"{96 * Cluster}");
        await _bench.ImgAsync("create", "-q", "-f", "raw", _bench.PathOf("other.raw"), $"{48 * Cluster}");
        await _bench.CreateAsync("middle.qed", 64 * Cluster, Cluster, 2, "base.raw", byQemu: true);
        await _bench.CreateAsync("sibling.qed", 96 * Cluster, Cluster, 2, "base.raw", byQemu: true);
        await _bench.CreateAsync("other.qed", 128 * Cluster, 2 * Cluster, 2, null, byQemu: true);
        await _bench.CreateAsync("ours.qed", (80 * Cluster) + 512, Cluster, 2, "middle.qed", byQemu: true);
        foreach ((string name, int clusters) in ((string, int)[])[("base.raw", 96), ("other.raw", 48), ("middle.qed", 64), ("sibling.qed", 96), ("other.qed", 128), ("ours.qed", 80)])
        {
            await _bench.IoAsync(name, Enumerable.Range(0, 12).Select(_ =>
                $"write -q {(random.Next(4) == 0 && name.EndsWith("qed", StringComparison.Ordinal) ? "-z" : $"-P {random.Next(1, 4)}")} {random.Next(clusters - 4) * Cluster} {random.Next(1, 5) * Cluster}"));
        }

        byte[] expected = Read("ours.qed");
        File.Copy(_bench.PathOf("ours.qed"), _bench.PathOf("theirs.qed"));
        string[] naming = target is null ? ["-b", ""] : ["-b", target, "-F", target.EndsWith("raw", StringComparison.Ordinal) ? "raw" : "qed"];
        await _bench.ImgAsync(["rebase", "-q", "-f", "qed", .. naming, _bench.PathOf("theirs.qed")]);

        await _bench.Host.RebaseAsync(
            _bench.PathOf("ours.qed"),
            target is null ? null : _bench.PathOf(target),
            new RebaseOptions { ParentFormat = target is null ? null : target.EndsWith("raw", StringComparison.Ordinal) ? "raw" : "qed" });

        await _bench.ShouldHoldAsync("ours.qed", expected, $"seed {seed}");
        await _bench.ImgAsync("compare", "-q", "-f", "qed", "-F", "qed", _bench.PathOf("ours.qed"), _bench.PathOf("theirs.qed"));
        ToolRun info = await _bench.ImgAsync("info", "--output=json", "-f", "qed", _bench.PathOf("ours.qed"));
        Assert.Equal(target is not null, info.Output.Contains($"\"backing-filename\": \"{target}\"", StringComparison.Ordinal));
        CheckReport ours = await _bench.Host.CheckAsync(_bench.PathOf("ours.qed"));
        CheckReport theirs = await _bench.Host.CheckAsync(_bench.PathOf("theirs.qed"));
        Assert.True(ours.AllocatedClusters <= theirs.AllocatedClusters, $"seed {seed}: {ours.AllocatedClusters} clusters, qemu-img has {theirs.AllocatedClusters}");
    }

    private byte[] Read(string name)
    {
        using VirtualDisk disk = _bench.Open(name, readOnly: true);
        byte[] bytes = new byte[disk.LengthBytes];
        disk.Read(0, bytes);
        return bytes;
    }
}
