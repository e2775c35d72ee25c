using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace QedVd.Host;

/// <summary>Folders on any system.</summary>
internal static class PortableFolder
{
    /// <summary>Makes the names in a folder durable, where the system has a way; <paramref name="path"/> is the one that the message is about.</summary>
    public static void Flush(string folder, string path)
    {
        if (!PortableNative.CanOpenWithoutWaiting)
        {
            return;
        }

        int descriptor = PortableNative.Open(folder, PortableNative.SafeOpenFlags);
        using var handle = new SafeFileHandle(descriptor, ownsHandle: true);
        if (descriptor < 0 || PortableNative.FSync(handle) != 0)
        {
            throw StorageErrors.FromErrno(Marshal.GetLastPInvokeError(), path, "make its name durable");
        }
    }
}
