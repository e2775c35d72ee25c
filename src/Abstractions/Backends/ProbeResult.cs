namespace QedVd;

/// <summary>A backend's answer about an unknown file.</summary>
/// <param name="Confidence">How sure it is.</param>
/// <param name="Reason">Why, for people ("magic QED\0, cluster size 65536"; "no magic").</param>
public readonly record struct ProbeResult(ProbeConfidence Confidence, string Reason);
