namespace QedVd.Host;

/// <summary>Turns what the system says about opening into what it means for somebody who wanted an image.</summary>
internal static class OpenErrors
{
    /// <summary>What an error of open means for somebody who wanted an image.</summary>
    public static ImageException From(int errno, string path, bool readOnly, string? root = null, bool mayRead = false)
    {
        (ImageErrorKind kind, string text) = errno switch
        {
            Errno.ENOENT => (ImageErrorKind.NotFound, "the file does not exist; check the name"),
            Errno.ENOTDIR => (ImageErrorKind.NotFound, "a part of the path before the last is not a folder; check the name"),
            Errno.EISDIR => (ImageErrorKind.RefusedByPolicy, "it is a folder, not a regular file; name an image file"),
            Errno.ENXIO or Errno.ENODEV => (ImageErrorKind.RefusedByPolicy, "it is a socket, or a device that is not there, not a regular file; name an image file"),
            Errno.EXDEV => (ImageErrorKind.RefusedByPolicy, $"the path leaves the folder '{StorageErrors.Printable(root ?? "")}'; allow the folder that holds the file"),
            Errno.EROFS => (ImageErrorKind.ReadOnly, "its volume is mounted read-only; open it read-only"),
            Errno.EACCES or Errno.EPERM when mayRead => (ImageErrorKind.ReadOnly, "the file may be read but not written; open it read-only, or give yourself the right to write"),
            Errno.EACCES or Errno.EPERM => (ImageErrorKind.Io, $"no permission to {(readOnly ? "read" : "read and write")} it; look at the rights of the file and its folders"),
            Errno.ETXTBSY or Errno.EBUSY => (ImageErrorKind.InUse, "the system uses it (as a running program, swap or a mounted volume)"),
            Errno.EMFILE or Errno.ENFILE => (ImageErrorKind.Io, "too many files are open; raise the limit (ulimit -n) or close some"),
            _ when errno == Errno.EAGAIN => (ImageErrorKind.InUse, "another process holds a lease on it; try again"),
            _ when errno == Errno.ELOOP && root is not null => (ImageErrorKind.RefusedByPolicy, "its symbolic links form a loop, or one of them is not an ordinary link"),
            _ when errno == Errno.ELOOP => (ImageErrorKind.NotFound, "its symbolic links form a loop; check where they lead"),
            _ when errno == Errno.ENAMETOOLONG => (ImageErrorKind.InvalidArgument, "the name is too long for the file system"),
            _ => (ImageErrorKind.Io, StorageErrors.Text(errno)),
        };
        return new ImageException(kind, $"{StorageErrors.Printable(path)}: cannot open: {text}.", path, "open", null, StorageErrors.SystemError(errno));
    }
}
