using System.Buffers.Binary;
using QedVd.ChainKit;
using QedVd.Host;

namespace QedVd.Crashes.Tests.Chains;

/// <summary>
/// What of the room of images a crash may lose: what the file took since, ahead of need as well, and what the command gives up. What it used before the command
/// and uses afterwards, something refers to all the time.
/// </summary>
internal sealed class LostRoom
{
    // A file grows by so many clusters, or an eighth of it; half of a step is left when the next is taken.
    private const int Step = 16;

    private readonly Dictionary<string, (long LeastUsed, long MostClusters)> _files;

    private LostRoom(Dictionary<string, (long LeastUsed, long MostClusters)> files) => _files = files;

    /// <summary>Where nobody can say.</summary>
    public static LostRoom Unbounded { get; } = new([]);

    /// <summary>As the images of a folder are.</summary>
    public static async Task<LostRoom> OfAsync(ChainBench bench, string folder)
    {
        Dictionary<string, (long, long)> files = [];
        foreach (string file in ChainStateCheck.FilesOf(folder).Where(file => file.EndsWith(".qed", StringComparison.Ordinal)))
        {
            string path = Path.Combine(folder, file);
            CheckReport report = await bench.Host.CheckAsync(path, request: new ImageOpenRequest { Format = "qed" }).ConfigureAwait(false);
            long clusters = ClustersOf(path);
            files[file] = (clusters - report.Leaks, clusters);
        }

        return new LostRoom(files);
    }

    /// <summary>For what lies between this and the other.</summary>
    public LostRoom Or(LostRoom other)
    {
        var files = new Dictionary<string, (long LeastUsed, long MostClusters)>(_files);
        foreach ((string file, (long used, long clusters)) in other._files)
        {
            (long leastUsed, long mostClusters) = files.GetValueOrDefault(file, (used, clusters));
            files[file] = (Math.Min(leastUsed, used), Math.Max(mostClusters, clusters));
        }

        return new LostRoom(files);
    }

    /// <summary>For the command run again over what a crash has left: what that has lost, it may have lost still.</summary>
    public LostRoom Over(LostRoom crashed)
    {
        LostRoom both = Or(crashed);
        return new LostRoom(both._files.ToDictionary(
            file => file.Key,
            file => (file.Value.LeastUsed, file.Value.MostClusters + (crashed._files.TryGetValue(file.Key, out (long LeastUsed, long MostClusters) left) ? left.MostClusters - left.LeastUsed : 0))));
    }

    public void ShouldNotExceed(string path, string name, CheckReport report)
    {
        if (_files.TryGetValue(name, out (long LeastUsed, long MostClusters) bounds))
        {
            long ahead = 3 * Math.Max(Step, bounds.MostClusters / 8) / 2;
            long most = Math.Min(bounds.MostClusters + ahead, ClustersOf(path)) - bounds.LeastUsed;
            Assert.True(report.Leaks <= most, $"{name}: {report.Leaks} clusters are lost, of {ClustersOf(path)}; {most} at most may be");
        }
    }

    private static long ClustersOf(string path)
    {
        using FileStream file = File.OpenRead(path);
        Span<byte> header = stackalloc byte[8];
        file.ReadExactly(header);
        long cluster = BinaryPrimitives.ReadUInt32LittleEndian(header[4..]);
        return (file.Length + cluster - 1) / cluster;
    }
}
