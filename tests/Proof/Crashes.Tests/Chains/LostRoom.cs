using System.Buffers.Binary;
using QedVd.ChainKit;
using QedVd.Crashes.Tests.Recorded;
using QedVd.Host;
using QedVd.PlainReader;

namespace QedVd.Crashes.Tests.Chains;

/// <summary>
/// What of the room of images a crash may lose: what the file took since, ahead of need as well, and what the command gives up. What it used before the command
/// and uses afterwards, something refers to all the time.
/// </summary>
internal sealed class LostRoom
{
    // A file grows by so many clusters, or an eighth of it; half of a step is left when the next is taken.
    private const int Step = 16;

    private readonly Dictionary<string, Room> _files;

    private LostRoom(Dictionary<string, Room> files) => _files = files;

    /// <summary>Where nobody can say.</summary>
    public static LostRoom Unbounded { get; } = new([]);

    /// <summary>As the images of a folder are.</summary>
    public static async Task<LostRoom> OfAsync(ChainBench bench, string folder)
    {
        Dictionary<string, Room> files = [];
        foreach (string file in ChainStateCheck.FilesOf(folder).Where(file => file.EndsWith(".qed", StringComparison.Ordinal)))
        {
            string path = Path.Combine(folder, file);
            CheckReport report = await bench.Host.CheckAsync(path, request: new ImageOpenRequest { Format = "qed" }).ConfigureAwait(false);
            HashSet<long> data = DataOf(path);
            long clusters = ClustersOf(path);
            files[file] = new Room(clusters - report.Leaks - data.Count, data, clusters);
        }

        return new LostRoom(files);
    }

    /// <summary>For what lies between this and the other.</summary>
    public LostRoom Or(LostRoom other)
    {
        var files = new Dictionary<string, Room>(_files);
        foreach ((string file, Room room) in other._files)
        {
            files[file] = files.TryGetValue(file, out Room? mine) ? mine.Or(room) : room;
        }

        return new LostRoom(files);
    }

    /// <summary>For the command run again over what a crash has left: what that has lost, it may have lost still.</summary>
    public LostRoom Over(LostRoom crashed) =>
        new(Or(crashed)._files.ToDictionary(
            file => file.Key,
            file => crashed._files.TryGetValue(file.Key, out Room? left) ? file.Value with { MostClusters = file.Value.MostClusters + left.MostClusters - left.LeastUsed } : file.Value));

    public void ShouldNotExceed(string path, string name, CheckReport report)
    {
        if (_files.TryGetValue(name, out Room? room))
        {
            long ahead = 3 * Math.Max(Step, room.MostClusters / 8) / 2;
            long most = Math.Min(room.MostClusters + ahead, ClustersOf(path)) - room.LeastUsed;
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

    /// <summary>Where the guest's clusters that have bytes in the file begin on its disk.</summary>
    private static HashSet<long> DataOf(string path)
    {
        byte[] file = File.ReadAllBytes(path);
        PlainQed image = PlainQed.Open(file.Length, ImageJudge.ReaderOf(file));
        HashSet<long> data = [];
        for (long at = 0; at < image.VirtualSizeBytes; at += image.ClusterBytes)
        {
            if (image.At(at).Kind == PlainClusterKind.Data)
            {
                data.Add(at);
            }
        }

        return data;
    }

    /// <summary>Of one image: its clusters in use but for those of data, which only become more; those of data, of which some may be given up while others come; all.</summary>
    private sealed record Room(long LeastTables, IReadOnlySet<long> Data, long MostClusters)
    {
        public long LeastUsed => LeastTables + Data.Count;

        public Room Or(Room other) => new(Math.Min(LeastTables, other.LeastTables), Data.Intersect(other.Data).ToHashSet(), Math.Max(MostClusters, other.MostClusters));
    }
}
