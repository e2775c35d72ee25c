namespace QedVd.PlainReader;

/// <summary>What the tables say about one cluster of the guest's disk.</summary>
public enum PlainClusterKind
{
    /// <summary>Nothing: the parent shows through, or zeros without one.</summary>
    Free,
    /// <summary>Zeros, whatever the parent holds.</summary>
    Zero,
    /// <summary>Bytes in the image file.</summary>
    Data,
    /// <summary>An entry, of L1 or of L2, that cannot be followed: unaligned, outside the file, or inside the header or the L1 table.</summary>
    Invalid,
}

/// <summary>One cluster of the guest's disk, and where its first byte lies in the file if it is data (otherwise 0).</summary>
public readonly record struct PlainCluster(PlainClusterKind Kind, long FileOffset);

/// <summary>The table entries that are unaligned, leave the file, or claim what something else has; the whole clusters that nothing refers to.</summary>
public readonly record struct PlainCheck(long Corruptions, long LeakedClusters);

/// <summary>The file is no image that may be opened, or it cannot be read as its header promises. The message is "field: reason".</summary>
public sealed class PlainQedException(string field, string reason) : Exception($"{field}: {reason}");
