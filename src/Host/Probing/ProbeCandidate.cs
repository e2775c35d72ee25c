namespace QedVd.Host;

/// <summary>What one backend said of a file.</summary>
/// <param name="FormatId">The backend's id.</param>
/// <param name="Confidence">How sure it is; <see cref="ProbeConfidence.No"/> where it failed.</param>
/// <param name="Reason">Why, one line without control characters.</param>
/// <param name="IsFault">Whether the backend failed or broke the contract instead of answering.</param>
public sealed record ProbeCandidate(string FormatId, ProbeConfidence Confidence, string Reason, bool IsFault = false);
