namespace QedVd.Hostile.Tests.Differential;

/// <summary>A difference to QEMU that is meant: its name, why it is right, and where it applies.</summary>
internal sealed record KnownDifference(string Name, string Reason, Func<ComparedImage, bool> Applies);
