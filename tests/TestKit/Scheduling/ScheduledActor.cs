namespace QedVd.TestKit;

/// <summary>Somebody who does one thing after the other, beside others.</summary>
internal sealed class ScheduledActor(string name, int priority)
{
    public string Name => name;

    public int Priority { get; set; } = priority;

    public Task? Task { get; set; }

    /// <summary>What it says it is doing.</summary>
    public string? Doing { get; set; }

    /// <summary>What it asked for last.</summary>
    public string? Last { get; set; }
}
