namespace QedVd.Architecture.Tests;

/// <summary>A defect of another implementation that ours must not have.</summary>
/// <param name="Id">D01 to D53.</param>
/// <param name="Text">What went wrong there.</param>
/// <param name="Pending">Why there is no test for it yet; null when there is one.</param>
internal sealed record Trap(string Id, string Text, string? Pending = null);
