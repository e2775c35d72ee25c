namespace QedVd.TestKit;

/// <summary>What a crash may leave of a simulated file.</summary>
/// <param name="Position">How many entries of the trace had taken effect when it crashed; the test's marks before it had been reached.</param>
/// <param name="File">A new file with what is left, all of it durable.</param>
/// <param name="Description">For a failed test: what was kept and what was lost.</param>
public sealed record CrashState(int Position, SimulatedFile File, string Description);
