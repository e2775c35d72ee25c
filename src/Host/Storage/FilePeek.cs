namespace QedVd.Host;

/// <summary>What a name is of, found out without opening it: opening a FIFO or a device may do something.</summary>
/// <param name="Mark">Which file it is, where <see cref="IsRegular"/>.</param>
/// <param name="IsRegular">Whether it is a regular file.</param>
/// <param name="IsFolder">Whether it is a folder.</param>
/// <param name="IsLink">Whether the name itself is a symbolic link; the others are about what it leads to.</param>
/// <param name="Error">Why nothing is known; null if it is.</param>
internal readonly record struct FilePeek(FileMark Mark, bool IsRegular, bool IsFolder, bool IsLink, ImageException? Error)
{
    /// <summary>Its number, where <see cref="IsRegular"/>.</summary>
    public StorageIdentity Identity => Mark.Identity;

    /// <summary>Looks at a name, and at what it leads to when it is a link. Never throws for what the file system says.</summary>
    public static FilePeek At(string path)
    {
        if (!LinuxNative.IsSupported)
        {
            return PortablyAt(path);
        }

        int error = LookAt(path, LinuxNative.AT_SYMLINK_NOFOLLOW, out LinuxStatx stat);
        bool isLink = error == 0 && stat.IsLink;
        if (isLink)
        {
            error = LookAt(path, 0, out stat);
        }

        return error == 0
            ? new FilePeek(stat.Mark, stat.IsRegular, stat.IsFolder, isLink, null)
            : new FilePeek(default, false, false, isLink, OpenErrors.From(error, path, readOnly: true));
    }

    private static int LookAt(string path, int flags, out LinuxStatx stat) =>
        LinuxNative.Statx(LinuxNative.AT_FDCWD, path, flags, LinuxNative.STATX_BASIC_BTIME_MNT_ID, out stat) == 0 ? 0 : LinuxNative.LastError;

    // Opening without waiting is the only way to an identity here.
    private static FilePeek PortablyAt(string path)
    {
        bool isLink = false;
        try
        {
            FileAttributes attributes = File.GetAttributes(path);
            isLink = attributes.HasFlag(FileAttributes.ReparsePoint);
            if (attributes.HasFlag(FileAttributes.Directory))
            {
                return new FilePeek(default, false, true, isLink, null);
            }

            using FileStorage storage = FileStorage.Open(path, new FileStorageOptions { ReadOnly = true, Lock = ImageLockMode.None });
            return new FilePeek(storage.File.Mark, true, false, isLink, null);
        }
        catch (ImageException exception)
        {
            return new FilePeek(default, false, false, isLink, exception.Kind == ImageErrorKind.RefusedByPolicy ? null : exception);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            return new FilePeek(default, false, false, isLink, StorageErrors.FromException(exception, path, "look at the file"));
        }
    }
}
