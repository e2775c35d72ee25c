using QedVd.Host.Tests.Operations;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>How often a pull tells how far it is, and the edges of what it takes in at once.</summary>
public sealed class PullProgressTests
{
    private const int Cluster = 4096;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>Clusters that are equal, zero, of another value or data at different places, of one piece of work.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task ARebase_TakesInExactlyTheClustersThatDiffer(int seed)
    {
        using var test = new TestHost();
        var random = new Random(seed);
        const int Clusters = 150;
        byte[] old = new byte[Clusters * Cluster];
        byte[] other = new byte[Clusters * Cluster];
        for (int c = 0; c < Clusters; c++)
        {
            old.AsSpan(c * Cluster, Cluster).Fill((byte)random.Next(3));
            other.AsSpan(c * Cluster, Cluster).Fill((byte)random.Next(3));
        }

        await File.WriteAllBytesAsync(test["old.raw"], old, Stop);
        await File.WriteAllBytesAsync(test["new.raw"], other, Stop);
        string top = test.Qed("top.qed", old.Length, "old.raw", "raw");
        var progress = new ProgressList();

        OperationResult result = await test.Host.RebaseAsync(top, test["new.raw"], new RebaseOptions { ParentFormat = "raw" }, progress: progress, cancellationToken: Stop);

        int[] different = [.. Enumerable.Range(0, Clusters).Where(c => old[c * Cluster] != other[c * Cluster])];
        Assert.Equal(different.Count(c => old[c * Cluster] != 0) * Cluster, result.CopiedBytes);
        using VirtualDisk disk = test.Host.OpenDisk(top);
        Assert.Equal(old, PushChain.ReadAll(disk));
        Assert.Equal(different, Enumerable.Range(0, Clusters).Where(c => disk.Map(c * Cluster, Cluster).Depth == 0));
        Assert.All(progress.Reports, report => Assert.Equal(old.Length, report.TotalBytes));
        Assert.Equal(progress.Reports.Select(report => report.DoneBytes).Distinct().Order(), progress.Reports.Select(report => report.DoneBytes));
        Assert.Equal(old.Length, progress.Reports[^1].DoneBytes);
    }

    /// <summary>Also where the last piece of work is so small that nobody would be told of it in the middle.</summary>
    [Fact]
    public async Task TheEnd_IsAlwaysTold()
    {
        using var test = new TestHost();
        byte[] old = new byte[(4 << 20) + 512];
        old.AsSpan().Fill(1);
        await File.WriteAllBytesAsync(test["old.raw"], old, Stop);
        string top = test.Qed("top.qed", old.Length, "old.raw", "raw");
        var progress = new ProgressList();

        await test.Host.FlattenAsync(top, progress: progress, cancellationToken: Stop);

        Assert.Equal([4 << 20, old.Length], progress.Reports.TakeLast(2).Select(report => report.DoneBytes));
    }
}
