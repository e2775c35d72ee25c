namespace QedVd.Hostile.Tests.Mutation;

/// <summary>A valid image: what it is made of, for those who want to change it, and the recipe that makes it.</summary>
internal sealed class ImagePlan
{
    /// <summary>The stratum.</summary>
    public required GeometryClass Geometry { get; init; }

    public required long ClusterBytes { get; init; }

    public required int TableClusters { get; init; }

    public required long VirtualSizeBytes { get; init; }

    public required long L1Offset { get; init; }

    /// <summary>Of the parent's name; 0 for none.</summary>
    public required int NameBytes { get; init; }

    public required ImageRecipe Recipe { get; init; }

    /// <summary>The L2 tables: L1 index and place.</summary>
    public List<(int L1Index, long Offset)> Tables { get; } = [];

    /// <summary>The L2 entries that are not 0: number of the table in <see cref="Tables"/>, index, value.</summary>
    public List<(int Table, int Index, ulong Value)> Entries { get; } = [];

    /// <summary>Places that nothing refers to.</summary>
    public List<long> Leaks { get; } = [];

    public long TableBytes => ClusterBytes * TableClusters;

    public int EntriesPerTable => (int)(TableBytes / 8);

    /// <summary>L1 entries that describe the disk.</summary>
    public int L1EntriesInUse => (int)((VirtualSizeBytes + (EntriesPerTable * ClusterBytes) - 1) / (EntriesPerTable * ClusterBytes));
}
