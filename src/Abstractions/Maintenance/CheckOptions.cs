namespace QedVd;

/// <summary>What a check does.</summary>
public sealed record CheckOptions
{
    /// <summary>What it may change.</summary>
    public RepairMode Repair { get; init; }

    /// <summary>Say what <see cref="Repair"/> would do, and change nothing.</summary>
    public bool DryRun { get; init; }

    /// <summary>Told each finding as it is made, on the checking thread; the report keeps only the first <see cref="MaxReportedFindings"/>.</summary>
    public Action<CheckFinding>? OnFinding { get; init; }

    /// <summary>Told each thing that is done (with <see cref="DryRun"/>: would be done), on the checking thread; the report keeps only the first <see cref="MaxReportedFindings"/>.</summary>
    public Action<RepairAction>? OnRepair { get; init; }

    /// <summary>How many findings, and how many repairs, the report keeps.</summary>
    public int MaxReportedFindings { get; init; } = 1000;
}
