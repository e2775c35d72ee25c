using System.Numerics;

namespace QedVd.Hostile.Tests.Differential;

/// <summary>All differences to QEMU 7.2 that are known and meant. What is not here is an error of ours, or new.</summary>
internal static class KnownDifferences
{
    private const int SectorBytes = 512;

    /// <summary>Images that we open and QEMU does not.</summary>
    public static IReadOnlyList<KnownDifference> OnlyWeOpen { get; } =
    [
        new("tables of one cluster", "Legal; QEMU takes a table whose last cluster is its first one for an overflow.", image => image.TableClusters == 1),
        new("tables that address 2^64 bytes", "Legal; QEMU computes the largest disk in 64 bits, where it wraps around.", image => AddressBits(image) >= 64 && image.VirtualSizeBytes > 0),
        new("header area of 4 GiB", "Legal; QEMU keeps its length in 32 bits.", image => (ulong)image.HeaderClusters * image.ClusterBytes > uint.MaxValue),
    ];

    /// <summary>Images that QEMU opens and we do not.</summary>
    public static IReadOnlyList<KnownDifference> OnlyQemuOpens { get; } =
    [
        new("header area of no clusters", "The header itself is in it: refused by us, taken by QEMU.", image => image.HeaderClusters == 0),
        new("last sector cut", "QEMU takes the length of the file rounded up to 512: what was cut off reads as zeros there.", HasCutSector),
    ];

    /// <summary>Pieces that QEMU reads where we answer with an error.</summary>
    public static IReadOnlyList<(string Name, string Reason, Func<ComparedImage, DiskPiece, bool> Applies)> OnlyQemuReads { get; } =
    [
        ("L2 table inside L1", "QEMU reads the entries of L1 as those of an L2 table.", (image, piece) => IsInL1(image, image.EntriesOf(piece.Offset).Table, (ulong)image.ClusterBytes * image.TableClusters)),
        ("data inside L1", "QEMU reads the table as data.", (image, piece) => IsInL1(image, image.EntriesOf(piece.Offset).Cluster, image.ClusterBytes)),
        ("data inside an L2 table", "QEMU reads the table as data.", (image, piece) => IsInTable(image, image.EntriesOf(piece.Offset).Cluster)),
        ("last sector cut", "QEMU takes the length of the file rounded up to 512: what was cut off reads as zeros there.", (image, _) => HasCutSector(image)),
    ];

    /// <summary>Images that only one of the two finds damaged.</summary>
    public static IReadOnlyList<KnownDifference> DamageSeenByOne { get; } =
    [
        new("last sector cut", "QEMU takes the length of the file rounded up to 512.", HasCutSector),
    ];

    /// <summary>Images of which QEMU counts other leaks.</summary>
    public static IReadOnlyList<KnownDifference> OtherLeaks { get; } =
    [
        new("last sector cut", "QEMU takes the length of the file rounded up to 512.", HasCutSector),
        new("as many clusters as a cluster has bytes", "QEMU divides the length of the file by one less than the size of a cluster, and finds leaks that are not there.", image => image.File.LengthBytes / image.ClusterBytes >= image.ClusterBytes - 1),
    ];

    private static int AddressBits(ComparedImage image) => (3 * BitOperations.Log2(image.ClusterBytes)) + (2 * BitOperations.Log2(image.TableClusters)) - 6;

    private static bool HasCutSector(ComparedImage image)
    {
        long length = image.File.LengthBytes;
        long rounded = (length + SectorBytes - 1) / SectorBytes * SectorBytes;
        return image.ClusterBytes > 0 && rounded / image.ClusterBytes != length / image.ClusterBytes;
    }

    private static bool IsInL1(ComparedImage image, ulong offset, ulong length) =>
        offset > 1 && offset < image.L1Offset + ((ulong)image.ClusterBytes * image.TableClusters) && offset + length > image.L1Offset;

    private static bool IsInTable(ComparedImage image, ulong cluster) =>
        image.Tables().Any(table => cluster >= table && cluster - table < (ulong)image.ClusterBytes * image.TableClusters);
}
