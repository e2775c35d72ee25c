namespace QedVd.Host;

/// <summary>The error numbers of Unix that mean something to us. Below 35 all systems agree (EAGAIN excepted).</summary>
internal static class Errno
{
    public const int EPERM = 1;
    public const int ENOENT = 2;
    public const int EINTR = 4;
    public const int EIO = 5;
    public const int ENXIO = 6;
    public const int EBADF = 9;
    public const int EACCES = 13;
    public const int EBUSY = 16;
    public const int EEXIST = 17;
    public const int EXDEV = 18;
    public const int ENODEV = 19;
    public const int ENOTDIR = 20;
    public const int EISDIR = 21;
    public const int EINVAL = 22;
    public const int ENFILE = 23;
    public const int EMFILE = 24;
    public const int ETXTBSY = 26;
    public const int EFBIG = 27;
    public const int ENOSPC = 28;
    public const int EROFS = 30;

    private static readonly bool s_linux = OperatingSystem.IsLinux();

    public static int EAGAIN { get; } = s_linux ? 11 : 35;

    public static int EOPNOTSUPP { get; } = s_linux ? 95 : OperatingSystem.IsMacOS() ? 102 : 45;

    public static int ENOTSUP { get; } = s_linux ? 95 : 45;

    public static int ELOOP { get; } = s_linux ? 40 : 62;

    public static int ENAMETOOLONG { get; } = s_linux ? 36 : 63;

    public static int EDQUOT { get; } = s_linux ? 122 : 69;

    public static int ENOSYS { get; } = s_linux ? 38 : 78;

    public static int ENOLCK { get; } = s_linux ? 37 : 77;
}
