using System.Runtime.InteropServices;

namespace QedVd.Host;

/// <summary>struct statx: the same on every architecture.</summary>
[StructLayout(LayoutKind.Explicit, Size = 256)]
internal struct LinuxStatx
{
    private const int TypeMask = 0xF000;

    [FieldOffset(16)]
    public uint LinkCount;

    [FieldOffset(20)]
    public uint UserId;

    [FieldOffset(24)]
    public uint GroupId;

    [FieldOffset(28)]
    public ushort Mode;

    [FieldOffset(32)]
    public ulong Inode;

    [FieldOffset(40)]
    public ulong SizeBytes;

    [FieldOffset(48)]
    public ulong Blocks;

    [FieldOffset(80)]
    public long BirthSeconds;

    [FieldOffset(88)]
    public uint BirthNanoseconds;

    [FieldOffset(136)]
    public uint DeviceMajor;

    [FieldOffset(140)]
    public uint DeviceMinor;

    [FieldOffset(144)]
    public ulong MountId;

    [FieldOffset(0)]
    public uint Mask;

    public readonly bool IsRegular => (Mode & TypeMask) == 0x8000;

    public readonly bool IsFolder => (Mode & TypeMask) == 0x4000;

    public readonly bool IsBlockDevice => (Mode & TypeMask) == 0x6000;

    public readonly bool IsLink => (Mode & TypeMask) == 0xA000;

    public readonly string TypeName => (Mode & TypeMask) switch
    {
        0x1000 => "a FIFO",
        0x2000 => "a character device",
        0x4000 => "a folder",
        0x6000 => "a block device",
        0x8000 => "a regular file",
        0xA000 => "a symbolic link",
        0xC000 => "a socket",
        _ => "of an unknown type",
    };

    public readonly StorageIdentity Identity => new(((ulong)DeviceMajor << 32) | DeviceMinor, Inode);

    public readonly FileMark Mark => new(Identity, (Mask & 0x800) == 0 ? 0 : unchecked((BirthSeconds * 1_000_000_000) + BirthNanoseconds));
}
