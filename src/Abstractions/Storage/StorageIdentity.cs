namespace QedVd;

/// <summary>
/// Tells whether two storages are the same bytes: device and inode of a host file, or a number of its own for memory.
/// Names do not tell (links, bind mounts, case).
/// </summary>
/// <param name="DeviceId">The device, or 0 where the platform has none.</param>
/// <param name="FileId">The file on that device.</param>
/// <param name="FileIdHigh">More of the file's number, where it has more than 64 bits.</param>
public readonly record struct StorageIdentity(ulong DeviceId, ulong FileId, ulong FileIdHigh = 0);
