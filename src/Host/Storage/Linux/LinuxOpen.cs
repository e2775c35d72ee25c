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
                    throw OpenFailed(errno, path, options);
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
            : throw OpenFailed(LastError, path, new FileStorageOptions { ReadOnly = readOnly });
    }

    /// <summary>What an error of open means for somebody who wanted an image.</summary>
    public static ImageException OpenFailed(int errno, string path, FileStorageOptions options)
    {
        (ImageErrorKind kind, string text) = errno switch
        {
            Errno.ENOENT => (ImageErrorKind.NotFound, "the file does not exist; check the name"),
            Errno.ENOTDIR => (ImageErrorKind.NotFound, "a part of the path before the last is not a folder; check the name"),
            Errno.EISDIR => (ImageErrorKind.RefusedByPolicy, "it is a folder, not a regular file; name an image file"),
            Errno.ENXIO or Errno.ENODEV => (ImageErrorKind.RefusedByPolicy, "it is a socket, or a device that is not there, not a regular file; name an image file"),
            Errno.EXDEV => (ImageErrorKind.RefusedByPolicy, $"the path leaves the folder '{StorageErrors.Printable(options.BeneathRoot ?? "")}'; allow the folder that holds the file"),
            Errno.EROFS => (ImageErrorKind.ReadOnly, "its volume is mounted read-only; open it read-only"),
            Errno.EACCES or Errno.EPERM when !options.ReadOnly && MayRead(path, options) => (ImageErrorKind.ReadOnly, "the file may be read but not written; open it read-only, or give yourself the right to write"),
            Errno.EACCES or Errno.EPERM => (ImageErrorKind.Io, $"no permission to {(options.ReadOnly ? "read" : "read and write")} it; look at the rights of the file and its folders"),
            Errno.ETXTBSY or Errno.EBUSY => (ImageErrorKind.InUse, "the system uses it (as a running program, swap or a mounted volume)"),
            Errno.EMFILE or Errno.ENFILE => (ImageErrorKind.Io, "too many files are open; raise the limit (ulimit -n) or close some"),
            _ when errno == Errno.EAGAIN => (ImageErrorKind.InUse, "another process holds a lease on it; try again"),
            _ when errno == Errno.ELOOP && options.BeneathRoot is not null => (ImageErrorKind.RefusedByPolicy, "its symbolic links form a loop, or one of them is not an ordinary link"),
            _ when errno == Errno.ELOOP => (ImageErrorKind.NotFound, "its symbolic links form a loop; check where they lead"),
            _ when errno == Errno.ENAMETOOLONG => (ImageErrorKind.InvalidArgument, "the name is too long for the file system"),
            _ => (ImageErrorKind.Io, StorageErrors.Text(errno)),
        };
        return new ImageException(kind, $"{StorageErrors.Printable(path)}: cannot open: {text}.", path, "open", null, StorageErrors.SystemError(errno));
    }

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
