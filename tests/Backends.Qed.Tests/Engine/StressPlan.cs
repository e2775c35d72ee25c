using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Engine;

/// <summary>What a random workload runs on; drawn from its seed.</summary>
internal sealed record StressPlan
{
    public const int Cluster = 4096;
    public const int SectorBytes = 512;
    public const int SectorsPerCluster = Cluster / SectorBytes;

    /// <summary>Clusters outside the windows that are written to make the file grow.</summary>
    public const int FirstFiller = 100;

    /// <inheritdoc cref="FirstFiller"/>
    public const int Fillers = 180;

    /// <summary>The last cluster is a part of one.</summary>
    public const int SizeBytes = (600 * Cluster) + (3 * SectorBytes);

    private const StorageFacts NoZeroes = SimulatedFile.GoodFacts & ~StorageFacts.NeverWrittenReadsZero;

    public required int Seed { get; init; }

    /// <summary>Tables of one cluster put a border of tables, of two a border of slices into the second window.</summary>
    public required int TableClusters { get; init; }

    public required ConsistencyMode Mode { get; init; }

    public required StorageFacts Facts { get; init; }

    public required int PoolPages { get; init; }

    /// <summary>Each owns its clusters; all meet in the tables.</summary>
    public required int Threads { get; init; }

    public required byte[]? Parent { get; init; }

    public required bool HasFaults { get; init; }

    public required bool CompletesInline { get; init; }

    /// <summary>Compactions are among the requests.</summary>
    public bool Compacts { get; init; }

    /// <summary>The clusters in use: the start, a border of sectors of a table, a border of slices or tables, the end of the parent, the end of the disk.</summary>
    public static (int First, int Count)[] Windows { get; } = [(0, 5), (62, 4), (509, 6), (299, 3), (598, 3)];

    public static StressPlan Draw(int seed)
    {
        Random random = new(seed);
        ConsistencyMode mode = random.Next(6) switch { 0 => ConsistencyMode.Lazy, 1 => ConsistencyMode.WriteThrough, _ => ConsistencyMode.Ordered };
        byte[]? parent = null;
        if (random.Next(2) == 0)
        {
            parent = new byte[random.Next(3) == 0 ? SizeBytes : (300 * Cluster) + random.Next(Cluster)];
            random.NextBytes(parent);
        }

        return new StressPlan
        {
            Seed = seed,
            TableClusters = 1 << random.Next(2),
            Mode = mode,
            Facts = random.Next(3) switch { 0 => NoZeroes, 1 when random.Next(3) == 0 => SimulatedFile.GoodFacts & ~StorageFacts.CanPunchHoles, _ => SimulatedFile.GoodFacts },
            PoolPages = random.Next(4) switch { 0 => 1, 1 => 2, 2 => 5, _ => 1000 },
            Threads = random.Next(3) == 0 ? 3 : 1,
            Parent = parent,
            HasFaults = random.Next(3) == 0,
            CompletesInline = random.Next(4) != 0,
        };
    }

    public override string ToString() =>
        $"seed {Seed}: table_size {TableClusters}, {Mode}, {Facts}, {PoolPages} pages, {Threads} threads, parent {Parent?.Length ?? -1}, faults {HasFaults}{(Compacts ? ", compacts" : "")}";
}
