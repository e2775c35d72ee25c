using QedVd.Host.Tests.Operations;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>A chain of five small QED images, with what each cluster of each is, and so what every rearrangement of them must do.</summary>
internal sealed class FiveLevels : IDisposable
{
    public const int Cluster = 4096;
    public const int Count = 5;

    // Top first: data, zeros, free; as long as the level.
    private static readonly string[] s_equal = ["..D.....", "D...Z.D.", ".Z.D...Z", "DDD.....", "DDDDDDDD"];
    private static readonly string[] s_uneven = ["..D....", "D...Z.D..", ".Z.D.", "DDD.....", "DDDDDD"];

    private static readonly Lazy<byte[][]> s_equalFiles = new(() => Make(s_equal));
    private static readonly Lazy<byte[][]> s_unevenFiles = new(() => Make(s_uneven));

    private readonly TestHost _test = new();
    private readonly string[] _clusters;

    /// <param name="isUneven">Whether the levels are of several lengths, so that some hide what longer ones hold.</param>
    public FiveLevels(bool isUneven = false)
    {
        _clusters = isUneven ? s_uneven : s_equal;
        byte[][] files = (isUneven ? s_unevenFiles : s_equalFiles).Value;
        for (int i = 0; i < Count; i++)
        {
            File.WriteAllBytes(PathOf(i), files[i]);
        }
    }

    public DiskHost Host => _test.Host;

    public string Folder => _test.Folder;

    public string[] Files => _test.Files;

    public static string NameOf(int level) => FormattableString.Invariant($"{level}.qed");

    public string PathOf(int level) => _test[NameOf(level)];

    public string[] PathsOf(params IEnumerable<int> levels) => [.. levels.Select(PathOf)];

    public int LengthOf(int level) => _clusters[level].Length * Cluster;

    public VirtualDisk Open(int level = 0) => Host.OpenDisk(PathOf(level));

    /// <summary>What a level reads as, over all that lie beneath it at first.</summary>
    public byte[] View(int level)
    {
        byte[] view = new byte[LengthOf(level)];
        for (int c = 0; c < _clusters[level].Length; c++)
        {
            (char kind, int holder) = Find(level, Count, c);
            view.AsSpan(c * Cluster, Cluster).Fill(kind == 'D' ? ValueOf(holder, c) : (byte)0);
        }

        return view;
    }

    /// <summary>The runs of data that some levels hold together, as far as the highest goes: what is written into the one beneath them.</summary>
    public long[] PushedRuns(int from, int to)
    {
        List<long> runs = [];
        bool isRun = false;
        for (int c = 0; c < _clusters[from].Length; c++)
        {
            bool isData = Find(from, to, c).Kind == 'D';
            if (isData && isRun)
            {
                runs[^1] += Cluster;
            }
            else if (isData)
            {
                runs.Add(Cluster);
            }

            isRun = isData;
        }

        return [.. runs];
    }

    /// <summary>How much data of the levels beneath one, down to another, shows through it.</summary>
    public long PulledBytes(int from, int to) =>
        Cluster * (long)Enumerable.Range(0, _clusters[from].Length).Count(c => _clusters[from][c] == '.' && Find(from + 1, to + 1, c).Kind == 'D');

    /// <summary>The level's file and, by the files themselves, all that lie beneath it.</summary>
    public async Task<string?[]> NamesFromAsync(int level)
    {
        List<string?> names = [NameOf(level)];
        while (names[^1] is { } name && names.Count < 10)
        {
            names.Add(await ParentNameOfAsync(_test[name]));
        }

        return [.. names[..^1]];
    }

    public Task<string?> ParentNameOfAsync(int level) => ParentNameOfAsync(PathOf(level));

    public byte[] Read(int level)
    {
        using VirtualDisk disk = Host.OpenDisk(PathOf(level), new DiskOpenOptions { ReadOnly = true });
        return PushChain.ReadAll(disk);
    }

    /// <summary>What an interrupted merge, or a commit from the top, leaves beside its survivor.</summary>
    public MergeJournal Journal(int from, int to, MergeDirection direction, bool keeps, bool isCommit = false)
    {
        bool isDown = direction == MergeDirection.Down;
        int neighbour = isDown ? Math.Max(0, from - 1) : to + 1;
        IEnumerable<int> files = isDown ? Enumerable.Range(Math.Max(1, from), to - Math.Max(1, from)) : Enumerable.Range(from + 1, to - from);
        return new MergeJournal
        {
            Survivor = FilePeek.At(PathOf(isDown ? to : from)).Mark,
            SurvivorFormat = "qed",
            Direction = direction,
            IsCommit = isCommit,
            Neighbour = neighbour == Count ? null : Of(neighbour),
            TakesTop = isDown && from == 0 && !isCommit,
            KeepsFiles = keeps,
            Files = [.. files.Select(Of)],
        };
    }

    public void Dispose() => _test.Dispose();

    private async Task<string?> ParentNameOfAsync(string path) =>
        (await new HeaderReader(Host.Opener).ReadAsync(path, root: null, formatId: null, default)).Parent?.Name;

    private JournalFile Of(int level) => TestHost.JournalFileAt(PathOf(level));

    private static byte[][] Make(string[] clusters)
    {
        using var test = new TestHost();
        for (int i = Count - 1; i >= 0; i--)
        {
            test.Qed(NameOf(i), clusters[i].Length * Cluster, i == Count - 1 ? null : NameOf(i + 1));
            using VirtualDisk disk = test.Host.OpenDisk(test[NameOf(i)]);
            byte[] data = new byte[Cluster];
            for (int c = 0; c < clusters[i].Length; c++)
            {
                data.AsSpan().Fill(ValueOf(i, c));
                switch (clusters[i][c])
                {
                    case 'D':
                        disk.Write(c * Cluster, data);
                        break;
                    case 'Z':
                        disk.WriteZeroes(c * Cluster, Cluster);
                        break;
                    default:
                        break;
                }
            }

            disk.Close();
        }

        return [.. Enumerable.Range(0, Count).Select(i => File.ReadAllBytes(test[NameOf(i)]))];
    }

    private static byte ValueOf(int level, int cluster) => (byte)((20 * (level + 1)) + cluster);

    // A level that ends hides what lies beneath.
    private (char Kind, int Level) Find(int from, int to, int cluster)
    {
        for (int level = from; level < to; level++)
        {
            char kind = cluster < _clusters[level].Length ? _clusters[level][cluster] : 'Z';
            if (kind != '.')
            {
                return (kind, level);
            }
        }

        return ('.', to);
    }
}
