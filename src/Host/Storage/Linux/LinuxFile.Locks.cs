using Microsoft.Win32.SafeHandles;
using static QedVd.Host.LinuxNative;

namespace QedVd.Host;

internal sealed unsafe partial class LinuxFile
{
    public override LockOutcome TryLock(LockRights rights) => rights.IsNone ? LockOutcome.Held : TryAdd(rights, LockRights.None);

    // The bytes are held shared, also those of a writer: a handle for reading is enough.
    public override LockOutcome TryHoldAlone(LockRights held) => held.IsNone ? LockOutcome.Held : TryAdd(LockRights.Of(ImageLockMode.ReadWrite), held);

    private LockOutcome TryAdd(LockRights rights, LockRights held)
    {
        LockRights more = rights.Without(held);
        if (Take(_handle, more) is { } reason)
        {
            return new LockOutcome(null, reason);
        }

        bool isHeld = false;
        try
        {
            LockConflict? conflict = Test(_handle, rights);
            isHeld = conflict is null;
            return new LockOutcome(conflict, null);
        }
        finally
        {
            if (!isHeld)
            {
                Release(_handle, more);
            }
        }
    }

    public override LockOutcome TryChangeAccess(bool readOnly, LockRights oldRights, LockRights newRights)
    {
        using SafeFileHandle next = LinuxOpen.Reopen(_handle, Path, readOnly);
        if (Statx(next, "", AT_EMPTY_PATH, STATX_BASIC_BTIME_MNT_ID, out LinuxStatx stat) != 0 || stat.Identity != Identity)
        {
            throw StorageErrors.Create(ImageErrorKind.Io, Path, "change the access", "another file has this name now, so the access to the open one cannot be changed; close it and open again.");
        }

        // At every instant one of the two descriptors holds its bytes, so nobody slips in; only the test needs the old ones gone.
        if (!newRights.IsNone && Take(next, newRights) is { } reason)
        {
            return new LockOutcome(null, reason);
        }

        Release(_handle, oldRights);
        bool isFree = false;
        try
        {
            if (Test(next, newRights) is { } conflict)
            {
                return new LockOutcome(conflict, null);
            }

            isFree = true;
        }
        finally
        {
            if (!isFree)
            {
                Take(_handle, oldRights);
            }
        }

        // The number stays, the description behind it changes: requests that run keep the old one to their end.
        if (Dup3(next, _handle, O_CLOEXEC) < 0)
        {
            int errno = LastError;
            Take(_handle, oldRights);
            throw Failed(errno, "change the access");
        }

        _mark = stat.Mark;
        _readOnly = readOnly;
        return LockOutcome.Held;
    }

    /// <summary>
    /// Takes all bytes, shared; they exclude nobody by themselves. Null, or why there are no locks here; where there are and they fail, others may hold theirs:
    /// that is an error.
    /// </summary>
    private string? Take(SafeFileHandle file, LockRights rights)
    {
        for (int bit = 0; bit < LockRights.BitCount; bit++)
        {
            int errno = (rights.Uses & (1 << bit)) == 0 ? 0 : Set(file, LockRights.FirstUsesByte + bit, F_RDLCK);
            if (errno == 0 && (rights.Denies & (1 << bit)) != 0)
            {
                errno = Set(file, LockRights.FirstDeniesByte + bit, F_RDLCK);
            }

            if (errno != 0)
            {
                Release(file, rights);
                return errno == Errno.EINVAL || errno == Errno.EOPNOTSUPP || errno == Errno.ENOSYS ? StorageErrors.Text(errno) : throw Failed(errno, "lock the file");
            }
        }

        return null;
    }

    private static void Release(SafeFileHandle file, LockRights rights)
    {
        for (int bit = 0; bit < LockRights.BitCount; bit++)
        {
            if ((rights.Uses & (1 << bit)) != 0)
            {
                _ = Set(file, LockRights.FirstUsesByte + bit, F_UNLCK);
            }

            if ((rights.Denies & (1 << bit)) != 0)
            {
                _ = Set(file, LockRights.FirstDeniesByte + bit, F_UNLCK);
            }
        }
    }

    // Closing gives back only what no copy of the handle holds, and a process that is being started has one until it has become that program.
    private void ReleaseAll()
    {
        FileLock request = new() { Type = F_UNLCK };
        _ = Ask(_handle, F_OFD_SETLK, ref request);
    }

    /// <summary>The first byte of another holder that is in the way.</summary>
    private LockConflict? Test(SafeFileHandle file, LockRights rights)
    {
        for (int bit = 0; bit < LockRights.BitCount; bit++)
        {
            if ((rights.Uses & (1 << bit)) != 0 && IsHeldByOther(file, LockRights.FirstDeniesByte + bit))
            {
                return new LockConflict(bit, DeniedByHolder: true);
            }
        }

        for (int bit = 0; bit < LockRights.BitCount; bit++)
        {
            if ((rights.Denies & (1 << bit)) != 0 && IsHeldByOther(file, LockRights.FirstUsesByte + bit))
            {
                return new LockConflict(bit, DeniedByHolder: false);
            }
        }

        return null;
    }

    private static int Set(SafeFileHandle file, int at, short type)
    {
        FileLock request = new() { Type = type, Start = at, LengthBytes = 1 };
        return Ask(file, F_OFD_SETLK, ref request);
    }

    private bool IsHeldByOther(SafeFileHandle file, int at)
    {
        FileLock request = new() { Type = F_WRLCK, Start = at, LengthBytes = 1 };
        int errno = Ask(file, F_OFD_GETLK, ref request);
        return errno == 0 ? request.Type != F_UNLCK : throw Failed(errno, "ask for the locks of others");
    }

    /// <summary>0 or the error; a signal that comes in between is none.</summary>
    private static int Ask(SafeFileHandle file, int command, ref FileLock request)
    {
        fixed (FileLock* address = &request)
        {
            while (FCntl(file, command, address) != 0)
            {
                if (LastError is var errno && errno != Errno.EINTR)
                {
                    return errno;
                }
            }
        }

        return 0;
    }
}
