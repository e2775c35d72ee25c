namespace QedVd.Samples.Emulator;

/// <summary>What the guest may write into the controller's command register.</summary>
internal enum DiskCommand : byte
{
    Read = 1,
    Write = 2,
    Trim = 3,
    Flush = 4,
}
