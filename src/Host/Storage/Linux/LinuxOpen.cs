using System.Globalization;
using Microsoft.Win32.SafeHandles;
using static QedVd.Host.LinuxNative;

namespace QedVd.Host;

/// <summary>Opens files on Linux without waiting for anything, and looks at what was opened before anything else is done with it.</summary>
internal static class LinuxOpen
{
    /// <summary>Opens, and looks at, the file that the options describe.</summary>
    public static LinuxFile Open(string path, FileStorageOptions options)
    {
        int flags = (options.ReadOnly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
        SafeFileHandle handle;
        if (options.BeneathRoot is { } root)
        {
            handle = LinuxBeneath.Open(root, path, flags, options.WalkBeneath);
        }
        else
        {
            int descriptor;
            while ((descriptor = OpenAt(AT_FDCWD, path, flags, 0)) < 0)
            {
                if (LastError is var errno && errno != Errno.EINTR)
                {
                    throw Failed(errno, path, options);
                }
            }

            handle = new SafeFileHandle(descriptor, ownsHandle: true);
        }

        return Adopt(handle, path, options);
    }

    /// <summary>Makes a file of an open descriptor, or closes it and says why not.</summary>
    public static LinuxFile Adopt(SafeFileHandle handle, string path, FileStorageOptions options)
    {
        try
        {
            if (Statx(handle, "", AT_EMPTY_PATH, STATX_BASIC_BTIME_MNT_ID, out LinuxStatx stat) != 0)
            {
                throw StorageErrors.FromErrno(LastError, path, "look at the file");
            }

            ThrowUnlessUsable(stat, path, options);
            return new LinuxFile(path, handle, stat, LinuxVolume.Of(handle, stat, options.ReadOnly), options);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Another descriptor of the same file, whatever its name is by now; through /proc, else by the name.</summary>
    public static SafeFileHandle Reopen(SafeFileHandle handle, string path, bool readOnly)
    {
        int flags = (readOnly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
        string link = string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{handle.DangerousGetHandle()}");
        int descriptor = OpenAt(AT_FDCWD, link, flags, 0);
        if (descriptor < 0 && LastError is Errno.ENOENT or Errno.ENOTDIR)
        {
            descriptor = OpenAt(AT_FDCWD, path, flags, 0);
        }

        return descriptor >= 0
            ? new SafeFileHandle(descriptor, ownsHandle: true)
            : throw Failed(LastError, path, new FileStorageOptions { ReadOnly = readOnly });
    }

    private static ImageException Failed(int errno, string path, FileStorageOptions options) =>
        OpenErrors.From(errno, path, options.ReadOnly, options.BeneathRoot, mayRead: !options.ReadOnly && errno is Errno.EACCES or Errno.EPERM && MayRead(path, options));

    private static void ThrowUnlessUsable(in LinuxStatx stat, string path, FileStorageOptions options)
    {
        if (stat.IsRegular || (stat.IsBlockDevice && options.AllowBlockDevices))
        {
            return;
        }

        string advice = stat.IsBlockDevice ? "; block devices have to be allowed explicitly" : "; name an image file";
        throw StorageErrors.Create(ImageErrorKind.RefusedByPolicy, path, "open", $"cannot open: it is {stat.TypeName}, not a regular file{advice}.");
    }

    private static bool MayRead(string path, FileStorageOptions options)
    {
        try
        {
            using LinuxFile file = Open(path, options with { ReadOnly = true });
            return true;
        }
        catch (ImageException)
        {
            return false;
        }
    }
}
