namespace QedVd.TestKit;

/// <summary>A state that a peer looks at: the file as it was left, and what the disk has to read.</summary>
/// <param name="Subject">What is explored.</param>
/// <param name="File">What the crash left. Not to be changed.</param>
/// <param name="Seen">What each sector that the workload touched reads, by sector number; see <see cref="SectorValue.Of(ReadOnlySpan{byte})"/>.</param>
/// <param name="NeedsCheck">Whether the format's own mark is set, so that the peer checks first.</param>
/// <param name="Parent">The parent's name as the image has it now, or null.</param>
public sealed record CrashLook(CrashSubject Subject, SimulatedFile File, IReadOnlyDictionary<long, ulong> Seen, bool NeedsCheck, ParentReference? Parent);
