namespace QedVd.Samples.Emulator;

/// <summary>What the guest reads from the controller's status register.</summary>
internal enum DiskStatus : byte
{
    Ready = 0,
    BadRequest = 1,
    Failed = 2,
    Paused = 3,
}
