namespace QedVd.Host;

/// <summary>Which of the levels that are merged is the one that stays.</summary>
public enum MergeDirection
{
    /// <summary>The one that makes less work; of two that cost the same, <see cref="Up"/>.</summary>
    Auto = 0,

    /// <summary>The lowest: what the levels above hold is written into it.</summary>
    Down = 1,

    /// <summary>The highest: what the levels beneath hold, and it does not, is written into it.</summary>
    Up = 2,
}
