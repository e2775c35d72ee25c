using System.Globalization;
using Microsoft.Win32.SafeHandles;
using static QedVd.Host.LinuxNative;

namespace QedVd.Host;

/// <summary>On Linux: a nameless file that is linked, or a temporary name that is renamed, neither over an existing name unless that is meant.</summary>
internal sealed class LinuxPendingPlace(string path, PendingFileOptions options) : PendingPlace(path, options)
{
    private const int Attempts = 16;

    /// <summary>As for any new file: the process's mask takes away from it.</summary>
    private const uint NewFileMode = 0x1B6;

    private const uint PrivateFileMode = 0x180;
    private const uint PermissionBits = 0xFFF;
    private const int OpenFlags = O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

    private LinuxFile? _file;

    // A second name of the file that was replaced, so that it can come back.
    private string? _backupPath;
    private bool _hasReplaced;

    public override FileStorage CreateStorage(FileStorage? replaced)
    {
        RemoveLeftovers(replaced);

        // What replaces a file may be as secret as that file: nobody else reads it before it has got its rights.
        uint mode = Options.Overwrite ? PrivateFileMode : NewFileMode;
        for (int attempt = 1; ; attempt++)
        {
            _file = LinuxOpen.Adopt(OpenNew(mode), Path, Options.ForStorage);
            try
            {
                FileStorage storage = FileStorage.Adopt(_file, LockRights.Of(ImageLockMode.ReadWrite), Options.ForStorage);
                if (TemporaryPath is null || IsOurs(TemporaryPath))
                {
                    return storage;
                }

                // Somebody who looked for leftovers removed it before it was locked.
                storage.Dispose();
            }
            catch (ImageException exception) when (exception.Kind == ImageErrorKind.InUse && TemporaryPath is not null && attempt < Attempts)
            {
                // That somebody holds it at this moment.
            }

            if (attempt == Attempts)
            {
                throw StorageErrors.Create(ImageErrorKind.Io, Path, "create", "cannot create: its temporary files are removed as fast as they are made.");
            }
        }
    }

    public override void CopyRights(HostFile replaced)
    {
        LinuxStatx stat = ((LinuxFile)replaced).GetStat();
        SafeFileHandle handle = _file!.Handle;

        // Only root may give a file away. Then it belongs to whom made it, and must not be open to more than before.
        uint mode = stat.Mode & PermissionBits;
        if (FChOwn(handle, stat.UserId, stat.GroupId) != 0)
        {
            mode &= FChOwn(handle, uint.MaxValue, stat.GroupId) == 0 ? 0x1FFu : 0x1C0u;
        }

        if (FChMod(handle, mode) != 0)
        {
            throw StorageErrors.FromErrno(LastError, Path, "set the mode");
        }
    }

    public override void Link()
    {
        int errno = TemporaryPath is null ? LinkNameless(Path) : RenameWithoutReplace();
        if (errno != 0)
        {
            throw errno == Errno.EEXIST ? AlreadyExists(Path) : StorageErrors.FromErrno(errno, Path, "publish");
        }

        TemporaryPath = null;
    }

    public override void Replace(FileStorage replaced)
    {
        for (int attempt = 1; TemporaryPath is null; attempt++)
        {
            string temporary = NewTemporaryPath(Folder);
            int errno = LinkNameless(temporary);
            if (errno == 0)
            {
                TemporaryPath = temporary;
            }
            else if (errno != Errno.EEXIST || attempt == Attempts)
            {
                throw StorageErrors.FromErrno(errno, Path, "publish");
            }
        }

        if (Statx(AT_FDCWD, Path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_BTIME_MNT_ID, out LinuxStatx stat) != 0 || stat.Identity != replaced.Identity)
        {
            throw CannotReplace(Path);
        }

        string backup = NewTemporaryPath(Folder);
        _backupPath = LinkAt(AT_FDCWD, Path, AT_FDCWD, backup, 0) == 0 ? backup : null;
        if (RenameAt2(AT_FDCWD, TemporaryPath, AT_FDCWD, Path, 0) != 0)
        {
            int errno = LastError;
            Settle();
            throw StorageErrors.FromErrno(errno, Path, "publish");
        }

        TemporaryPath = null;
        _hasReplaced = true;
    }

    public override bool TryWithdraw()
    {
        if (!IsOurs(Path) || (_hasReplaced && _backupPath is null))
        {
            return false;
        }

        bool isBack = _hasReplaced
            ? RenameAt2(AT_FDCWD, _backupPath!, AT_FDCWD, Path, 0) == 0
            : UnlinkAt(AT_FDCWD, Path, 0) == 0;
        if (isBack)
        {
            _backupPath = null;
        }

        return isBack;
    }

    public override void Settle()
    {
        if (_backupPath is not null)
        {
            _ = UnlinkAt(AT_FDCWD, _backupPath, 0);
            _backupPath = null;
        }
    }

    public override void FlushFolder()
    {
        Options.FolderSeam?.Invoke();
        LinuxFolder.Flush(Folder, Path);
    }

    public override void Abandon()
    {
        if (TemporaryPath is not null && IsOurs(TemporaryPath))
        {
            _ = UnlinkAt(AT_FDCWD, TemporaryPath, 0);
            TemporaryPath = null;
        }
    }

    private SafeFileHandle OpenNew(uint mode)
    {
        TemporaryPath = null;
        if (!Options.UseTemporaryName)
        {
            int nameless = OpenAt(AT_FDCWD, Folder, O_TMPFILE | OpenFlags, mode);
            if (nameless >= 0)
            {
                return new SafeFileHandle(nameless, ownsHandle: true);
            }

            // Not on this file system (EISDIR: not in this kernel); other errors come back below.
        }

        for (int attempt = 1; ; attempt++)
        {
            string temporary = NewTemporaryPath(Folder);
            int descriptor = OpenAt(AT_FDCWD, temporary, O_CREAT | O_EXCL | O_NOFOLLOW | OpenFlags, mode);
            if (descriptor >= 0)
            {
                TemporaryPath = temporary;
                return new SafeFileHandle(descriptor, ownsHandle: true);
            }

            int errno = LastError;
            if (errno is Errno.ENOENT or Errno.ENOTDIR)
            {
                throw StorageErrors.Create(ImageErrorKind.NotFound, Path, "create", "cannot create: its folder does not exist; make it first.");
            }

            if (errno is Errno.EACCES or Errno.EPERM)
            {
                throw new ImageException(
                    ImageErrorKind.ReadOnly, $"{StorageErrors.Printable(Path)}: cannot create: no permission to write in its folder.", Path, "create", null, StorageErrors.SystemError(errno));
            }

            if (errno != Errno.EINTR && (errno != Errno.EEXIST || attempt == Attempts))
            {
                throw StorageErrors.FromErrno(errno, Path, "create");
            }
        }
    }

    private int LinkNameless(string path)
    {
        string link = string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{_file!.Handle.DangerousGetHandle()}");
        return LinkAt(AT_FDCWD, link, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0 ? 0 : LastError;
    }

    private int RenameWithoutReplace()
    {
        if (RenameAt2(AT_FDCWD, TemporaryPath!, AT_FDCWD, Path, RENAME_NOREPLACE) == 0)
        {
            return 0;
        }

        // Some file systems do not know the flag; a link does not replace either.
        int errno = LastError;
        if (errno != Errno.EINVAL && errno != Errno.ENOSYS)
        {
            return errno;
        }

        if (LinkAt(AT_FDCWD, TemporaryPath!, AT_FDCWD, Path, 0) != 0)
        {
            return LastError;
        }

        _ = UnlinkAt(AT_FDCWD, TemporaryPath!, 0);
        return 0;
    }

    private bool IsOurs(string path) =>
        Statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_BTIME_MNT_ID, out LinuxStatx stat) == 0 && stat.Identity == _file!.Identity;

    /// <summary>
    /// A temporary file that nobody holds was left by a run that was killed. So was a second name of the file that we replace, where we hold its locks:
    /// whoever else had given it one would hold them. Without locks it may be what a living run needs to bring the file back.
    /// </summary>
    private void RemoveLeftovers(FileStorage? replaced)
    {
        StorageIdentity? locked = replaced is not null && replaced.Facts.HasFlag(StorageFacts.HasImageLocks) ? replaced.Identity : null;
        foreach (string leftover in FindLeftovers())
        {
            if (System.IO.Path.GetFileName(leftover) == System.IO.Path.GetFileName(Path))
            {
                // Somebody calls his image so: it goes when the new one is in its place, not before.
                continue;
            }

            int descriptor = OpenAt(AT_FDCWD, leftover, OpenFlags | O_NOFOLLOW, 0);
            if (descriptor < 0)
            {
                continue;
            }

            try
            {
                using LinuxFile file = LinuxOpen.Adopt(new SafeFileHandle(descriptor, ownsHandle: true), leftover, Options.ForStorage);
                if ((file.Identity == locked || file.TryLock(LockRights.Of(ImageLockMode.ReadWrite)) == LockOutcome.Held)
                    && Statx(AT_FDCWD, leftover, AT_SYMLINK_NOFOLLOW, STATX_BASIC_BTIME_MNT_ID, out LinuxStatx stat) == 0
                    && stat.Identity == file.Identity)
                {
                    _ = UnlinkAt(AT_FDCWD, leftover, 0);
                }
            }
            catch (ImageException)
            {
                // Not a regular file: not one of ours.
            }
        }
    }
}
