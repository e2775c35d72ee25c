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
}
