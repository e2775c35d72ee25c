namespace QedVd.Cli.Tests.Faults;

/// <summary>How long a call goes wrong, and what comes then.</summary>
internal enum FaultMode
{
    /// <summary>This once.</summary>
    Once,

    /// <summary>From now on.</summary>
    Sticky,

    /// <summary>This once, and the process is killed at one of the calls that it makes because of it, or after it.</summary>
    ThenKilled,
}
