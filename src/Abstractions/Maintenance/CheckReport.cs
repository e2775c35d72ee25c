namespace QedVd;

/// <summary>
/// What a check found, counted as <c>qemu-img check</c> means it. Clusters are the image's blocks. After a repair the counts are those of the
/// state that it left (unless <see cref="CheckOptions.DryRun"/>: those found), the findings those of the state that it met.
/// </summary>
public sealed record CheckReport
{
    /// <summary>Invalid entries, and clusters referenced twice.</summary>
    public long Corruptions { get; init; }

    /// <summary>Clusters that nothing refers to.</summary>
    public long Leaks { get; init; }

    /// <summary>Tables that could not be read.</summary>
    public long CheckErrors { get; init; }

    /// <summary>Corruptions that were mended, or with <see cref="CheckOptions.DryRun"/> would be.</summary>
    public long CorruptionsFixed { get; init; }

    /// <summary>Leaks that were reclaimed, or with <see cref="CheckOptions.DryRun"/> would be; also those that the repair itself made on its way.</summary>
    public long LeaksFixed { get; init; }

    /// <summary>Clusters that the disk has.</summary>
    public long TotalClusters { get; init; }

    /// <summary>Clusters that hold data.</summary>
    public long AllocatedClusters { get; init; }

    /// <summary>Clusters marked as zero.</summary>
    public long ZeroClusters { get; init; }

    /// <summary>Allocated clusters that do not follow the one before in the storage.</summary>
    public long FragmentedClusters { get; init; }

    /// <summary>Where the last used cluster ends in the storage.</summary>
    public long ImageEndOffset { get; init; }

    /// <summary>Whether the format's own mark for a due check is set, after the check.</summary>
    public bool NeedsCheck { get; init; }

    /// <summary>The first findings, see <see cref="CheckOptions.MaxReportedFindings"/>.</summary>
    public IReadOnlyList<CheckFinding> Findings { get; init; } = [];

    /// <summary>What a repair did, in order: the first so many, see <see cref="CheckOptions.MaxReportedFindings"/>.</summary>
    public IReadOnlyList<RepairAction> Repairs { get; init; } = [];

    /// <summary>Whether nothing is wrong; leaks count as wrong here.</summary>
    public bool IsClean => Corruptions == 0 && Leaks == 0 && CheckErrors == 0;

    /// <summary>Whether the image may be written: nothing but leaks.</summary>
    public bool IsSound => Corruptions == 0 && CheckErrors == 0;
}
