namespace QedVd;

/// <summary>One thing that a check found.</summary>
/// <param name="Kind">What.</param>
/// <param name="Message">For people: names table, index, value and reason.</param>
/// <param name="Table">Where the entry stands: the format's name of the table ("L1", "L2"), or null.</param>
/// <param name="TableOffset">Storage offset of that table, -1 if none.</param>
/// <param name="Index">Index of the entry in its table, -1 if none.</param>
/// <param name="Value">The entry's value, or the storage offset concerned.</param>
/// <param name="LengthBytes">How much of the disk (references) or of the storage (leaks) it concerns.</param>
public sealed record CheckFinding(
    CheckFindingKind Kind,
    string Message,
    string? Table = null,
    long TableOffset = -1,
    long Index = -1,
    long Value = -1,
    long LengthBytes = 0);
