using System.Text;
using Microsoft.Win32.SafeHandles;
using static QedVd.Host.LinuxNative;

namespace QedVd.Host;

/// <summary>Opens a file below a folder so that no link and no ".." can lead out of it, also while somebody renames things.</summary>
internal static unsafe class LinuxBeneath
{
    private const long MagicProc = 0x9FA0;
    private const int MaxLinks = 40;
    private const int MaxLinkBytes = 4096;
    private const int RaceAttempts = 32;

    private static volatile bool s_openat2Missing;

    public static SafeFileHandle Open(string root, string path, int flags, bool walk)
    {
        string remainder = RemainderOf(root, path);
        int folder = OpenAt(AT_FDCWD, root, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
        if (folder < 0)
        {
            throw OpenErrors.From(LastError, root, readOnly: true);
        }

        using var start = new SafeFileHandle(folder, ownsHandle: true);
        int result = walk || s_openat2Missing ? -Errno.ENOSYS : OpenAt2(start, remainder, flags);
        if (result == -Errno.ENOSYS)
        {
            s_openat2Missing |= !walk;
            result = new Walker(start, flags).Run(remainder);
        }

        return result >= 0 ? new SafeFileHandle(result, ownsHandle: true) : throw OpenErrors.From(-result, path, (flags & O_RDWR) == 0, root);
    }

    /// <summary>The descriptor, or the negated error.</summary>
    private static int OpenAt2(SafeFileHandle folder, string path, int flags)
    {
        for (int attempt = 1; ; attempt++)
        {
            int descriptor = LinuxNative.OpenAt2(folder, path, flags, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
            if (descriptor >= 0)
            {
                return descriptor;
            }

            // EAGAIN: something was renamed meanwhile, so that the kernel could not tell. A seccomp filter that does not know the call says EPERM.
            int errno = LastError;
            if (errno != Errno.EINTR && (errno != Errno.EAGAIN || attempt == RaceAttempts))
            {
                return errno == Errno.EPERM && !IsAllowed(folder) ? -Errno.ENOSYS : -errno;
            }
        }
    }

    private static bool IsAllowed(SafeFileHandle folder)
    {
        int descriptor = LinuxNative.OpenAt2(folder, ".", O_PATH | O_CLOEXEC, RESOLVE_BENEATH);
        if (descriptor < 0)
        {
            return false;
        }

        new SafeFileHandle(descriptor, ownsHandle: true).Dispose();
        return true;
    }

    private static string RemainderOf(string root, string path)
    {
        if (!Path.IsPathRooted(path))
        {
            return path;
        }

        string prefix = root.EndsWith('/') ? root : root + "/";
        return path.StartsWith(prefix, StringComparison.Ordinal)
            ? path[prefix.Length..].TrimStart('/')
            : throw OpenErrors.From(Errno.EXDEV, path, readOnly: true, root);
    }

    /// <summary>What the kernel does in openat2, one component at a time: every folder on the way is held open, so ".." is the one we came from.</summary>
    private sealed class Walker(SafeFileHandle root, int flags)
    {
        private readonly Stack<SafeFileHandle> _folders = [];
        private readonly Stack<string> _components = [];
        private int _links;

        public int Run(string path)
        {
            try
            {
                return Push(path) is var error && error != 0 ? error : Walk();
            }
            finally
            {
                while (_folders.TryPop(out SafeFileHandle? folder))
                {
                    folder.Dispose();
                }
            }
        }

        private int Walk()
        {
            while (_components.TryPop(out string? name))
            {
                SafeFileHandle folder = _folders.TryPeek(out SafeFileHandle? top) ? top : root;
                if (name == "..")
                {
                    if (!_folders.TryPop(out top))
                    {
                        return -Errno.EXDEV;
                    }

                    top.Dispose();
                    continue;
                }

                // O_PATH opens nothing that could wait or have an effect, links included.
                int descriptor = OpenAt(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
                if (descriptor < 0)
                {
                    return -LastError;
                }

                var entry = new SafeFileHandle(descriptor, ownsHandle: true);
                if (Statx(entry, "", AT_EMPTY_PATH, STATX_BASIC_BTIME_MNT_ID, out LinuxStatx stat) != 0)
                {
                    int error = -LastError;
                    entry.Dispose();
                    return error;
                }

                if (stat.IsLink)
                {
                    int error = Follow(entry);
                    entry.Dispose();
                    if (error != 0)
                    {
                        return error;
                    }
                }
                else if (_components.Count > 0)
                {
                    // A component that is no folder ends in ENOTDIR when the next one is looked up in it.
                    _folders.Push(entry);
                }
                else
                {
                    entry.Dispose();
                    return OpenLast(folder, name, stat);
                }
            }

            // The path ended in "..", in "." or was empty: that is a folder.
            return -Errno.EISDIR;
        }

        private int OpenLast(SafeFileHandle folder, string name, in LinuxStatx seen)
        {
            int descriptor = OpenAt(folder, name, flags | O_NOFOLLOW, 0);
            if (descriptor < 0)
            {
                return -LastError;
            }

            var file = new SafeFileHandle(descriptor, ownsHandle: true);
            if (Statx(file, "", AT_EMPTY_PATH, STATX_BASIC_BTIME_MNT_ID, out LinuxStatx stat) != 0 || stat.Identity != seen.Identity)
            {
                file.Dispose();
                return -Errno.EAGAIN;
            }

            file.SetHandleAsInvalid();
            return descriptor;
        }

        /// <summary>Puts the components of a link's target in front of what is left.</summary>
        private int Follow(SafeFileHandle link)
        {
            // Links in /proc lead where their text does not say.
            if (++_links > MaxLinks || LinuxVolume.MagicOf(link) == MagicProc)
            {
                return -Errno.ELOOP;
            }

            byte* target = stackalloc byte[MaxLinkBytes];
            nint length = ReadLinkAt(link, "", target, MaxLinkBytes);
            return length switch
            {
                < 0 => -LastError,
                MaxLinkBytes => -Errno.ENAMETOOLONG,
                _ => Push(Encoding.UTF8.GetString(target, (int)length)),
            };
        }

        private int Push(string path)
        {
            if (path.StartsWith('/'))
            {
                return -Errno.EXDEV;
            }

            string[] names = path.Split('/');
            for (int i = names.Length - 1; i >= 0; i--)
            {
                if (names[i] is not ("" or "."))
                {
                    _components.Push(names[i]);
                }
            }

            return 0;
        }
    }
}
