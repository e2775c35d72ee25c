namespace QedVd.Host;

/// <summary>A file that might be the lost parent.</summary>
/// <param name="Path">The full path; not escaped.</param>
/// <param name="Fits">Whether it can be the parent.</param>
/// <param name="Why">Why not, or what to mind; one line, escaped, empty when there is nothing to say.</param>
public sealed record AdoptCandidate(string Path, bool Fits, string Why);
