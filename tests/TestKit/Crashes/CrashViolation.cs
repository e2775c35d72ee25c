namespace QedVd.TestKit;

/// <summary>A rule of docs/reliability.md that a state breaks.</summary>
/// <param name="Rule">
/// I1 to I12; <see cref="Peer"/> or <see cref="SecondReader"/> where one of these disagrees, "run" where the workload itself failed. I8 whatever it is that a
/// crash of the recovery has broken: the message names it.
/// </param>
/// <param name="Message">What is wrong.</param>
/// <param name="State">What the crash kept and lost.</param>
public sealed record CrashViolation(string Rule, string Message, string State)
{
    /// <summary>The rule that the second reader finds what the first does.</summary>
    public const string SecondReader = "second reader";

    /// <summary>The rule that the peer does.</summary>
    public const string Peer = "peer";

    /// <inheritdoc/>
    public override string ToString() => $"{Rule}: {Message}\n{State}";
}
