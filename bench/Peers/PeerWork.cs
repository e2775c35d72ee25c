namespace QedVd.Bench.Peers;

/// <summary>One comparison: commands that do the same work and say themselves how long it took.</summary>
/// <param name="Title">What is measured.</param>
/// <param name="Requests">Requests that a run sends, to print microseconds for each.</param>
/// <param name="Goal">Ours divided by the fastest peer should not exceed this.</param>
/// <param name="Setup">Done before each run, outside the time.</param>
/// <param name="Commands">Label and command line; the label of ours is <see cref="Ours"/>, <see cref="OursBase"/> a second figure of our own.</param>
internal sealed record PeerWork(string Title, int Requests, double Goal, Action? Setup, IReadOnlyList<(string Label, string[] Command)> Commands)
{
    public const string Ours = "qedvd";
    public const string OursBase = "qedvd, base alone";

    /// <summary>How the label of a command begins that is shown beside, and is not what ours is measured by.</summary>
    public const string Beside = "beside: ";

    /// <summary>Whether the time is that of the whole process, whose output goes nowhere, instead of what it says itself.</summary>
    public bool IsWholeProcess { get; init; }

    /// <summary>Whether a check may end with the code for leaks: QEMU counts some in large files where there are none.</summary>
    public bool MayFindLeaks { get; init; }

    /// <summary>With <see cref="IsWholeProcess"/>: what a tool's command line becomes that does the same with nothing to do; its time is taken off. Null takes nothing off.</summary>
    public Func<string[], string[]>? Start { get; init; }
}
