namespace QedVd;

/// <summary>What a check may change.</summary>
public enum RepairMode
{
    /// <summary>Nothing: report only.</summary>
    None = 0,

    /// <summary>Leaks are reclaimed.</summary>
    Leaks = 1,

    /// <summary>Everything found is mended; data that was reachable stays reachable.</summary>
    All = 2,
}
