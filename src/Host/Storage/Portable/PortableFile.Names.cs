using Microsoft.Win32.SafeHandles;

namespace QedVd.Host;

internal sealed partial class PortableFile
{
    public override bool HasName(string path)
    {
        if (new FileInfo(path) is not { Exists: true, LinkTarget: null })
        {
            return false;
        }

        try
        {
            using SafeFileHandle handle = OpenHandle(path, readOnly: true, ImageLockMode.None);

            // Where the system does not tell files apart, the name is all there is.
            return PortableNative.Identify(handle) is not { } found || found.Identity == Identity;
        }
        catch (ImageException)
        {
            return false;
        }
    }

    public override void MoveName(string from, string to, bool overwrite)
    {
        try
        {
            System.IO.File.Move(from, to, overwrite);
        }
        catch (Exception exception) when (IsSystemError(exception))
        {
            throw !overwrite && System.IO.File.Exists(to) ? NotMoved(Errno.EEXIST, from, to) : StorageErrors.FromException(exception, from, $"rename to '{StorageErrors.Printable(to)}'");
        }
    }

    public override bool TryLinkName(string from, string to) => false;

    public override void RemoveName(string path)
    {
    }

    public override void FlushFolder(string folder)
    {
        _options.FolderSeam?.Invoke();
        PortableFolder.Flush(folder, Path);
    }
}
