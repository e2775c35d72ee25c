using Microsoft.Win32.SafeHandles;
using static QedVd.Host.LinuxNative;

namespace QedVd.Host;

/// <summary>Folders on Linux.</summary>
internal static class LinuxFolder
{
    /// <summary>Makes the names in a folder durable; <paramref name="path"/> is the one that the message is about.</summary>
    public static void Flush(string folder, string path)
    {
        int descriptor = OpenAt(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
        if (descriptor < 0)
        {
            throw StorageErrors.FromErrno(LastError, path, "make its name durable");
        }

        using var handle = new SafeFileHandle(descriptor, ownsHandle: true);
        while (FSync(handle) != 0)
        {
            if (LastError is var errno && errno != Errno.EINTR)
            {
                throw StorageErrors.FromErrno(errno, path, "make its name durable");
            }
        }
    }
}
