using static QedVd.Host.LinuxNative;

namespace QedVd.Host;

internal sealed unsafe partial class LinuxFile
{
    public override bool HasName(string path) =>
        Statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_BTIME_MNT_ID, out LinuxStatx stat) == 0 && stat.Identity == Identity;

    public override void MoveName(string from, string to, bool overwrite)
    {
        if (RenameAt2(AT_FDCWD, from, AT_FDCWD, to, overwrite ? 0u : RENAME_NOREPLACE) == 0)
        {
            return;
        }

        int errno = LastError;
        if (!overwrite && (errno == Errno.EINVAL || errno == Errno.ENOSYS))
        {
            // Some file systems do not know the flag; a link does not replace either.
            if (LinkAt(AT_FDCWD, from, AT_FDCWD, to, 0) == 0)
            {
                _ = UnlinkAt(AT_FDCWD, from, 0);
                return;
            }

            errno = LastError;
        }

        // It has both names: who did it so was killed before the old one went.
        if (!overwrite && errno == Errno.EEXIST && HasName(to) && HasName(from) && UnlinkAt(AT_FDCWD, from, 0) == 0)
        {
            return;
        }

        throw NotMoved(errno, from, to);
    }

    public override bool TryLinkName(string from, string to) => LinkAt(AT_FDCWD, from, AT_FDCWD, to, 0) == 0;

    public override void RemoveName(string path) => _ = UnlinkAt(AT_FDCWD, path, 0);

    public override void FlushFolder(string folder)
    {
        _folderSeam?.Invoke();
        LinuxFolder.Flush(folder, Path);
    }
}
