namespace QedVd.Host;

/// <summary>A well-known format that a file carries the mark of, whether or not a backend for it is there.</summary>
/// <param name="Id">Short and lower case, as other tools call it ("qcow2").</param>
/// <param name="DisplayName">For people ("QEMU copy-on-write image, version 2 or 3").</param>
/// <param name="Kind">What that means for reading it.</param>
/// <param name="Reason">The mark, and where it was found.</param>
public sealed record NamedFormat(string Id, string DisplayName, NamedFormatKind Kind, string Reason);
