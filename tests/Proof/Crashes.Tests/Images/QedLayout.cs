using QedVd.Backends.Qed;
using QedVd.TestKit;

namespace QedVd.Crashes.Tests.Images;

/// <summary>The places of a disk that workloads are about, for one geometry.</summary>
internal sealed class QedLayout(int clusterBytes, int tableClusters)
{
    public const int Positions = 7;

    // Ends inside the last cluster.
    private const int TailBytes = 1536;
    private const int ParentTailBytes = 700;

    public int ClusterBytes => clusterBytes;

    public int TableClusters => tableClusters;

    /// <summary>What one L2 table describes.</summary>
    public long TableSpanBytes { get; } = (long)tableClusters * clusterBytes / 8 * clusterBytes;

    public long SizeBytes => TableSpanBytes + (20L * clusterBytes) + TailBytes;

    /// <summary>The largest disk; beyond it tables have to be larger.</summary>
    public long MaxSizeBytes => (long)tableClusters * clusterBytes / 8 * TableSpanBytes;

    public long At(QedPlace place) => place switch
    {
        QedPlace.ExistingCluster => 2L * clusterBytes,
        QedPlace.ExistingTable => 6L * clusterBytes,
        QedPlace.NewTable => TableSpanBytes + (4L * clusterBytes),
        QedPlace.ZeroCluster => 10L * clusterBytes,
        QedPlace.ParentHit => 14L * clusterBytes,
        QedPlace.ParentEnd => 20L * clusterBytes,
        _ => SizeBytes - TailBytes,
    };

    public ParentLevels Parents(QedParents kind)
    {
        long c = clusterBytes;
        (long, long)[] near = [(3 * c, 4 * c), (11 * c, 12 * c), (14 * c, (16 * c) + 512), (18 * c, 24 * c)];
        long shorter = (20 * c) + ParentTailBytes;
        return kind switch
        {
            QedParents.None => new ParentLevels(),
            QedParents.Shorter => new ParentLevels((shorter, near)),
            QedParents.Longer => new ParentLevels((SizeBytes + (3 * c), [.. near, (TableSpanBytes - c, TableSpanBytes + (5 * c)), (SizeBytes - (2 * c), SizeBytes + (3 * c))])),
            _ => new ParentLevels((shorter + c, [(14 * c, 15 * c)]), (shorter, near), (SizeBytes, [(6 * c, 7 * c), (10 * c, 30 * c)])),
        };
    }

    /// <summary>An image of this geometry, and how it is explored.</summary>
    public CrashSubject Subject(QedParents parents, ConsistencyMode mode, StorageFacts facts) => new()
    {
        Backend = new QedBackend(),
        CreateOptions = new ImageCreateOptions
        {
            VirtualSizeBytes = SizeBytes,
            Parent = parents == QedParents.None ? null : new ParentReference("parent.raw"),
            FormatOptions = new Dictionary<string, string>
            {
                ["cluster_size"] = $"{clusterBytes}",
                ["table_size"] = $"{tableClusters}",
                ["qemu_compat"] = "off",
            },
        },
        Facts = facts,
        Parents = Parents(parents),
        Mode = mode,
        SecondReader = file => new SecondReading(file),

        // As the allocator has it. Of tables, those of the first level and the two of the second that the prelude has.
        GrowthStepBytes = length => Math.Max(16L * clusterBytes, Math.Min(64L << 20, length / 8)),
        TablesOfResizeBytes = 3L * tableClusters * clusterBytes,
        HeaderOf = QedHeader.TextOf,
        HeaderBytes = QedHeader.HeaderBytes,
    };

    /// <summary>What the disk holds before the recording: data, zeros, and, where asked for, room that was given back.</summary>
    public IEnumerable<GuestOperation> Prelude(bool withHoles)
    {
        long c = clusterBytes;
        yield return new GuestOperation(GuestOperationKind.Write, 2 * c, 2 * c);
        yield return new GuestOperation(GuestOperationKind.Zero, 10 * c, 2 * c);
        yield return new GuestOperation(GuestOperationKind.Write, 30 * c, c);
        if (withHoles)
        {
            yield return new GuestOperation(GuestOperationKind.Write, 40 * c, 3 * c);
            yield return new GuestOperation(GuestOperationKind.Discard, 40 * c, 2 * c);
        }
    }
}
