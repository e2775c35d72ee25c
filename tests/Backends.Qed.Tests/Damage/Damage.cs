using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Damage;

/// <summary>One way in which the tables of an image are wrong, and what is to be said and done about it.</summary>
/// <param name="Name">What is wrong.</param>
/// <param name="Apply">Does it to <see cref="Sound"/>.</param>
/// <param name="Kind">What a check calls it.</param>
/// <param name="Table">The table that a check names.</param>
/// <param name="Index">The entry that a check names.</param>
/// <param name="Corruptions">How many corruptions a check counts.</param>
internal sealed record Damage(string Name, Action<QedImageBytes> Apply, CheckFindingKind Kind, string Table, long Index, long Corruptions)
{
    private const int Cluster = 4096;

    /// <summary>Where the first table, its data, the second table and its data are, in clusters.</summary>
    private const long First = 4;
    private const long Second = 9;

    /// <summary>Whether an opening for writing is refused though the image is not flagged: what would be written could land in another table.</summary>
    public bool RefusesWriting { get; init; }

    /// <summary>Clusters of the disk that are not to be read, besides those whose entries are impossible by themselves.</summary>
    public IReadOnlyList<int> Unreadable { get; init; } = [];

    /// <summary>
    /// The entry names the very place that is handed out next. It stays invalid as long as the image is open; the next session takes it for valid,
    /// because an opening for writing does not read the L2 tables of an image that is not flagged.
    /// </summary>
    public bool IsLaterValid { get; init; }

    /// <summary>Two readings are possible, and which of them was meant nobody can know.</summary>
    public bool IsAmbiguous { get; init; }

    /// <summary>Every damage of tables, by name.</summary>
    public static IReadOnlyList<Damage> All { get; } =
    [
        OfL1("names L1", 2 * Cluster, 2, refuses: true),
        OfL1("names the second cluster of L1", 3 * Cluster, 1, refuses: true),
        OfL1("names the header area, and so overlaps L1", 1 * Cluster, 1, refuses: true),
        OfL1("is 1", 1),
        OfL1("is not aligned", (9 * Cluster) + 512),
        OfL1("names the end of the file", 13 * Cluster),
        OfL1("has its second cluster beyond the end", 12 * Cluster),
        OfL1("lies far beyond the end", 1UL << 40),
        OfL1("is 2^63", 1UL << 63),
        OfL1("is 2^64 - 4096", ulong.MaxValue - 4095),
        new("two L1 entries share a table", image => image.SetL1(1, First * Cluster), CheckFindingKind.SharedReference, "L1", 1, 2) { RefusesWriting = true },
        new("an L1 entry behind the disk's end shares a table", image => image.SetL1(900, Second * Cluster), CheckFindingKind.SharedReference, "L1", 900, 2) { RefusesWriting = true },
        new("two tables overlap by a cluster", image => image.SetL1(1, (First + 1) * Cluster), CheckFindingKind.SharedReference, "L1", 1, 1) { RefusesWriting = true, IsAmbiguous = true },
        new("an L1 entry names data", image => image.SetL1(1, 6 * Cluster), CheckFindingKind.InvalidReference, "L2", 0, 2) { IsAmbiguous = true },
        OfL2("is 2", 2),
        OfL2("is one less than a cluster", Cluster - 1),
        OfL2("is not aligned", (6 * Cluster) + 8),
        OfL2("names the end of the file", 13 * Cluster) with { IsLaterValid = true },
        OfL2("names the partial tail", 13 * Cluster) with { Name = "L2 entry names the partial tail", IsLaterValid = true, Apply = image => { image.SetL2(First, 1, 13 * Cluster); image.File.Poke(13 * Cluster, new byte[3000]); } },
        OfL2("lies far beyond the end", 1UL << 40),
        OfL2("is 2^63", 1UL << 63),
        OfL2("is 2^64 - 4096", ulong.MaxValue - 4095),
        OfL2("names the header area", 1 * Cluster),
        OfL2("names L1", 2 * Cluster),
        OfL2("names the second cluster of L1", 3 * Cluster),
        OfL2("names its own table", First * Cluster) with { Unreadable = [1] },
        OfL2("names another table's second cluster", (Second + 1) * Cluster) with { Unreadable = [1] },
        new("two entries of a table share a cluster", image => image.SetL2(First, 20, 7 * Cluster), CheckFindingKind.SharedReference, "L2", 20, 1),
        new("entries of two tables share a cluster", image => image.SetL2(Second, 300, 6 * Cluster), CheckFindingKind.SharedReference, "L2", 300, 1),
        new("three entries share a cluster", image => image.SetL2(First, 20, 7 * Cluster).SetL2(First, 21, 7 * Cluster), CheckFindingKind.SharedReference, "L2", 21, 2),
    ];

    /// <summary>
    /// Header area of two clusters, L1 in 2 and 3; a table in 4 and 5 with data in 6, 7, 8; a table in 9 and 10 with data in 11 and 12 for the
    /// disk's clusters 1029 and 1030; a zero marker. Nothing leaks.
    /// </summary>
    public static QedImageBytes Sound(bool isFlagged)
    {
        QedImageBytes image = new(new QedHeaderBytes { HeaderSize = 2, L1Offset = 2 * Cluster, ImageSize = 1500 * Cluster, Features = isFlagged ? 2UL : 0 });
        image.AddUsualTable().SetClusters(13).SetL1(1, Second * Cluster).SetL2(Second, 5, 11 * Cluster).SetL2(Second, 6, 12 * Cluster).SetL2(First, 40, 1);
        foreach (long cluster in new[] { 6, 7, 8, 11, 12 })
        {
            image.File.Poke(cluster * Cluster, Engine.ConcurrencyTests.Pattern(Cluster, (int)cluster));
        }

        return image;
    }

    public override string ToString() => Name;

    private static Damage OfL1(string what, ulong value, long corruptions = 1, bool refuses = false) =>
        new($"L1 entry {what}", image => image.SetL1(1, value), CheckFindingKind.InvalidReference, "L1", 1, corruptions) { RefusesWriting = refuses };

    private static Damage OfL2(string what, ulong value) =>
        new($"L2 entry {what}", image => image.SetL2(First, 1, value), CheckFindingKind.InvalidReference, "L2", 1, 1);
}
