using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace QedVd.Host;

/// <summary>The few calls that the framework lacks on systems other than Linux: opening without waiting, and a flush that reports its error.</summary>
internal static unsafe partial class PortableNative
{
    public const int LockShared = 1;
    public const int LockExclusive = 2;
    public const int LockNonBlocking = 4;
    public const int LockRelease = 8;
    public const int MacFullFSync = 51;

    private const int FileIdInfo = 18;

    /// <summary>Whether the flags below are known for this system.</summary>
    public static bool CanOpenWithoutWaiting { get; } = OperatingSystem.IsLinux() || OperatingSystem.IsMacOS();

    /// <summary>O_CLOEXEC, O_NONBLOCK and O_NOCTTY.</summary>
    public static int SafeOpenFlags { get; } = OperatingSystem.IsMacOS() ? 0x1000000 | 0x4 | 0x20000 : 0x80000 | 0x800 | 0x100;

    // No mode is passed, so the call is the same as one without variable arguments.
    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    public static partial int FLock(SafeFileHandle file, int operation);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    public static partial int FSync(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    public static partial int FCntl(SafeFileHandle file, int command);

    [LibraryImport("libc", EntryPoint = "fstat$INODE64", SetLastError = true)]
    private static partial int MacFStatX64(SafeFileHandle file, byte* result);

    [LibraryImport("libc", EntryPoint = "fstat", SetLastError = true)]
    private static partial int MacFStatArm64(SafeFileHandle file, byte* result);

    [LibraryImport("kernel32", EntryPoint = "FlushFileBuffers", SetLastError = true)]
    [return: MarshalAs(UnmanagedType.Bool)]
    public static partial bool FlushFileBuffers(SafeFileHandle file);

    [LibraryImport("kernel32", EntryPoint = "GetFileInformationByHandleEx", SetLastError = true)]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static partial bool GetFileInformation(SafeFileHandle file, int informationClass, byte* result, uint sizeBytes);

    /// <summary>Which file this is, and whether it is a regular one; null where the system does not tell.</summary>
    public static (StorageIdentity Identity, bool IsRegular)? Identify(SafeFileHandle file)
    {
        byte* result = stackalloc byte[256];
        if (LinuxNative.IsSupported)
        {
            return LinuxNative.Statx(file, "", LinuxNative.AT_EMPTY_PATH, LinuxNative.STATX_BASIC_BTIME_MNT_ID, out LinuxStatx stat) == 0
                ? (stat.Identity, stat.IsRegular)
                : null;
        }

        if (OperatingSystem.IsMacOS())
        {
            // struct stat with 64-bit inodes: st_dev (4 bytes), st_mode (2), st_nlink (2), st_ino (8).
            int error = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? MacFStatArm64(file, result) : MacFStatX64(file, result);
            return error == 0 ? (new StorageIdentity(*(uint*)result, *(ulong*)(result + 8)), (*(ushort*)(result + 4) & 0xF000) == 0x8000) : null;
        }

        // FILE_ID_INFO: the volume's serial number (8 bytes), the file's number (16).
        return OperatingSystem.IsWindows() && GetFileInformation(file, FileIdInfo, result, 24)
            ? (new StorageIdentity(*(ulong*)result, *(ulong*)(result + 8), *(ulong*)(result + 16)), true)
            : null;
    }
}
