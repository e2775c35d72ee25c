namespace QedVd.Cli.Tests.Killing;

/// <summary>What happens to the process at a system call.</summary>
public enum Disturbance
{
    /// <summary>It is killed in front of it.</summary>
    Kill,

    /// <summary>The call fails: the device.</summary>
    DeviceError,

    /// <summary>The call fails: the volume is full.</summary>
    VolumeFull,
}
