using System.Numerics;

namespace QedVd.Backends.Qed;

/// <summary>
/// The two sizes that an image's layout follows from. All instances made by <see cref="TryCreate"/> are legal, so that shifts need no further care.
/// </summary>
/// <param name="ClusterBits">Logarithm of the cluster size, 12 to 26.</param>
/// <param name="TableBits">Logarithm of the clusters per table, 0 to 4.</param>
internal readonly record struct QedGeometry(int ClusterBits, int TableBits)
{
    public const int MinClusterBits = 12;
    public const int MaxClusterBits = 26;
    public const int MaxTableBits = 4;
    public const int EntryBytes = sizeof(ulong);

    /// <summary>Virtual sizes are multiples of this.</summary>
    public const int SectorBytes = 512;

    /// <summary>No disk is larger, whatever the tables could address: offsets are signed 64-bit numbers.</summary>
    public const long LargestVirtualSizeBytes = long.MaxValue - SectorBytes + 1;

    /// <summary>What is made when nothing else is asked for: 64 KiB and 4 clusters.</summary>
    public static QedGeometry Default => new(16, 2);

    public long ClusterBytes => 1L << ClusterBits;

    /// <summary>Clusters per L1 table, and per L2 table.</summary>
    public int TableClusters => 1 << TableBits;

    /// <summary>Bytes per table, at most 1 GiB.</summary>
    public long TableBytes => 1L << (ClusterBits + TableBits);

    /// <summary>Logarithm of <see cref="EntriesPerTable"/>.</summary>
    public int EntryBits => ClusterBits + TableBits - 3;

    public int EntriesPerTable => 1 << EntryBits;

    /// <summary>The part of the disk that one L2 table describes.</summary>
    public long BytesPerL2 => 1L << (EntryBits + ClusterBits);

    /// <summary>The largest disk: what the tables can address, at most <see cref="LargestVirtualSizeBytes"/>.</summary>
    public long MaxVirtualSizeBytes => AddressBits > 62 ? LargestVirtualSizeBytes : 1L << AddressBits;

    /// <summary>
    /// Whether QEMU opens such images: it takes a table of one cluster for an overflow, and computes the largest disk in 64 bits, where 2^64 wraps to 0.
    /// </summary>
    public bool IsUsableByQemu => TableBits > 0 && AddressBits < 64;

    /// <summary>Logarithm of the number of bytes that the tables can address.</summary>
    private int AddressBits => (2 * EntryBits) + ClusterBits;

    /// <summary>Makes a geometry of the two sizes as a header has them; false when one is not a power of two in its range.</summary>
    public static bool TryCreate(long clusterBytes, long tableClusters, out QedGeometry geometry)
    {
        bool legal = IsClusterSize(clusterBytes) && IsTableSize(tableClusters);
        geometry = legal ? new QedGeometry(BitOperations.Log2((ulong)clusterBytes), BitOperations.Log2((ulong)tableClusters)) : default;
        return legal;
    }

    public static bool IsClusterSize(long clusterBytes) =>
        clusterBytes is >= 1L << MinClusterBits and <= 1L << MaxClusterBits && BitOperations.IsPow2(clusterBytes);

    public static bool IsTableSize(long tableClusters) =>
        tableClusters is >= 1 and <= 1 << MaxTableBits && BitOperations.IsPow2(tableClusters);

    /// <summary>Where the tables describe a byte of the disk. The offset is inside the disk, or at most at the end of its last cluster.</summary>
    public QedPosition Split(long offset) => new(
        (int)(offset >> (EntryBits + ClusterBits)),
        (int)((offset >> ClusterBits) & (EntriesPerTable - 1)),
        (int)(offset & (ClusterBytes - 1)));

    /// <summary>Entries of L1 that describe a disk of this size; the rest of L1 means nothing.</summary>
    public int L1EntriesFor(long virtualSizeBytes) => (int)((virtualSizeBytes - 1) >> (EntryBits + ClusterBits)) + 1;

    /// <summary>Clusters that a disk of this size has; the last one may end beyond it.</summary>
    public long ClustersFor(long virtualSizeBytes) => ((virtualSizeBytes - 1) >> ClusterBits) + 1;

    /// <summary>Rounds a length down to whole clusters: what a partial tail of a file holds is not part of the image.</summary>
    public long RoundDown(long lengthBytes) => lengthBytes & -ClusterBytes;
}
