namespace QedVd;

/// <summary>What a storage states about itself. Absent means: do not rely on it.</summary>
[Flags]
public enum StorageFacts
{
    /// <summary>Nothing is promised beyond the calls themselves.</summary>
    None = 0,

    /// <summary>
    /// Bytes inside the length that were never written read as zero, after a crash too. Stated for regular files on ext4, xfs, btrfs,
    /// NTFS and APFS; never for block devices, network, FUSE or unknown file systems.
    /// </summary>
    NeverWrittenReadsZero = 1 << 0,

    /// <summary><see cref="IImageStorage.PunchHole"/> works.</summary>
    CanPunchHoles = 1 << 1,

    /// <summary><see cref="IImageStorage.GetExtent"/> tells holes from data.</summary>
    CanMapHoles = 1 << 2,

    /// <summary><see cref="IImageStorage.CopyRange"/> may work between two storages that both state this.</summary>
    CanCopyRange = 1 << 3,

    /// <summary>The length can be changed.</summary>
    CanSetLength = 1 << 4,

    /// <summary>Openers of other processes are kept out as QEMU does it (byte locks); otherwise only as far as the platform goes.</summary>
    HasImageLocks = 1 << 5,

    /// <summary>
    /// <see cref="IImageStorage.CopyRange"/> between two storages that both state this lets them share blocks where it can, so that copying takes no room
    /// and hardly any time (xfs and btrfs). Elsewhere it copies, no faster than reading and writing do.
    /// </summary>
    CanShareBlocks = 1 << 6,
}
