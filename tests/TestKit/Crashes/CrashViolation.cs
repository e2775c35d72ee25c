namespace QedVd.TestKit;

/// <summary>A rule of docs/reliability.md that a state breaks.</summary>
/// <param name="Rule">I1 to I12; "peer" or "second reader" where one of these disagrees, "run" where the workload itself failed.</param>
/// <param name="Message">What is wrong.</param>
/// <param name="State">What the crash kept and lost.</param>
public sealed record CrashViolation(string Rule, string Message, string State)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Rule}: {Message}\n{State}";
}
