namespace QedVd.Backends.Qed;

/// <summary>The length of a storage at some time.</summary>
/// <param name="LengthBytes">The length.</param>
/// <param name="Cuts">How often it had been cut.</param>
internal readonly record struct LengthMark(long LengthBytes, long Cuts);
