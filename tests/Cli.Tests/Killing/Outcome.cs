namespace QedVd.Cli.Tests.Killing;

/// <summary>How a command ended that was sent a signal.</summary>
internal enum Outcome
{
    /// <summary>By itself: the signal did not come, or too late.</summary>
    Ended,

    /// <summary>It was killed.</summary>
    Killed,

    /// <summary>It stopped, because it was asked to.</summary>
    Stopped,
}
