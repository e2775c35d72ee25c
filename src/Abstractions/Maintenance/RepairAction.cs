namespace QedVd;

/// <summary>One thing that a repair did, or with <see cref="CheckOptions.DryRun"/> would do.</summary>
/// <param name="Kind">What.</param>
/// <param name="Message">For people: names table, index, values, and what became of the data.</param>
/// <param name="DiskOffset">Where on the disk, -1 when it concerns no place there.</param>
/// <param name="LengthBytes">How much of the disk from <paramref name="DiskOffset"/>; without one: how much of the storage; -1 when neither.</param>
/// <param name="IsLoss">Whether that part of the disk no longer has the data that it should have had. It may have been lost long before: an entry that named no usable place never led to data.</param>
public sealed record RepairAction(
    RepairActionKind Kind,
    string Message,
    long DiskOffset = -1,
    long LengthBytes = -1,
    bool IsLoss = false);
