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

    /// <summary>How many findings the report keeps.</summary>
    public int MaxReportedFindings { get; init; } = 1000;
}
