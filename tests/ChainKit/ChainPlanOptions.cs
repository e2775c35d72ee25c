namespace QedVd.ChainKit;

/// <summary>What chains <see cref="ChainPlan.Draw"/> may draw.</summary>
public sealed record ChainPlanOptions
{
    public int LeastLevels { get; init; } = 1;

    public int MostLevels { get; init; } = 8;

    /// <summary>Traits that the chain must have.</summary>
    public ChainTraits Required { get; init; }

    /// <summary>Traits that it must not have.</summary>
    public ChainTraits Excluded { get; init; } = ChainTraits.HighOffset;

    /// <summary>Sizes are drawn up to this, where no level reaches high.</summary>
    public int MostBytes { get; init; } = 2 << 20;

    public int MostClusterBytes { get; init; } = 2 << 20;

    public int MostChanges { get; init; } = 12;

    /// <summary>QEMU opens no table of one cluster, and of 2 MiB clusters only small tables; its guests write whole sectors.</summary>
    public bool ForQemu { get; init; }

    /// <summary>In front of the names of the files.</summary>
    public string NamePrefix { get; init; } = "";
}
