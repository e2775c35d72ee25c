namespace QedVd.Hostile.Tests.Differential;

/// <summary>What QEMU says of an image.</summary>
/// <param name="Rejection">Why it does not open it; null where it does.</param>
/// <param name="Pieces">What it reads, piece by piece; empty where it does not open it.</param>
internal sealed record QemuAnswer(string? Rejection, IReadOnlyList<PieceAnswer> Pieces);
