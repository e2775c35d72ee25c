namespace QedVd.Host;

/// <summary>Takes, changes and gives back the locks of one open file: in this process first, then against others.</summary>
internal sealed class FileLocking
{
    /// <summary>Two that come at once can both fail; whoever waits a random while gets through.</summary>
    private const int Attempts = 4;
    private const int ShortestWaitMilliseconds = 1;
    private const int LongestWaitMilliseconds = 10;

    private readonly HostFile _file;
    private readonly bool _systemLocks;
    private readonly LockRegistry.Entry _entry;

    private FileLocking(HostFile file, LockRegistry.Entry entry, bool systemLocks, string? warning)
    {
        _file = file;
        _entry = entry;
        _systemLocks = systemLocks;
        Warning = warning;
    }

    /// <summary>Whether others are kept out as QEMU does it.</summary>
    public bool IsHeld => _systemLocks && _file.HasByteLocks && !_entry.Rights.IsNone;

    /// <summary>Why nobody outside this process is kept out, where that was asked for.</summary>
    public string? Warning { get; }

    /// <param name="file">The open file.</param>
    /// <param name="rights">What to hold.</param>
    /// <param name="useSystemLocks">False: keep to this process.</param>
    public static FileLocking Take(HostFile file, LockRights rights, bool useSystemLocks)
    {
        for (int attempt = 1; ; attempt++)
        {
            LockRegistry.Entry entry = LockRegistry.TryAdd(file.Identity, rights, out LockConflict? conflict)
                ?? throw InUse(file.Path, conflict!.Value, byThisProcess: true);
            try
            {
                LockOutcome outcome = useSystemLocks ? file.TryLock(rights) : LockOutcome.Held;
                if (outcome.Conflict is null)
                {
                    string? warning = outcome.Unavailable is { } reason
                        ? $"{StorageErrors.Printable(file.Path)}: this file system has no byte locks ({reason}): other processes are not kept out. Make sure that nobody else opens the file."
                        : null;
                    var locking = new FileLocking(file, entry, useSystemLocks && warning is null, warning);
                    entry = null!;
                    return locking;
                }

                if (attempt == Attempts)
                {
                    throw InUse(file.Path, outcome.Conflict.Value, byThisProcess: false);
                }
            }
            finally
            {
                if (entry is not null)
                {
                    LockRegistry.Remove(entry);
                }
            }

            SyncIo.Block(Task.Delay(Random.Shared.Next(ShortestWaitMilliseconds, LongestWaitMilliseconds + 1)));
        }
    }

    /// <summary>Changes the file's access and the locks with it. On failure all is as before.</summary>
    public void Change(bool readOnly, LockRights rights) => Change(rights, old => _file.TryChangeAccess(readOnly, old, _systemLocks ? rights : LockRights.None));

    /// <summary>Takes a writer's locks, with whatever access there is. On failure all is as before.</summary>
    public void HoldAlone() => Change(LockRights.Of(ImageLockMode.ReadWrite), _file.TryHoldAlone);

    private void Change(LockRights rights, Func<LockRights, LockOutcome> change)
    {
        LockRights old = _entry.Rights;
        if (LockRegistry.TryChange(_entry, rights) is { } inside)
        {
            throw InUse(_file.Path, inside, byThisProcess: true);
        }

        bool done = false;
        try
        {
            for (int attempt = 1; ; attempt++)
            {
                LockOutcome outcome = change(_systemLocks ? old : LockRights.None);
                if (outcome is { Conflict: null, Unavailable: null })
                {
                    done = true;
                    return;
                }

                if (attempt == Attempts || outcome.Conflict is null)
                {
                    throw outcome.Conflict is { } conflict
                        ? InUse(_file.Path, conflict, byThisProcess: false)
                        : StorageErrors.Create(ImageErrorKind.Io, _file.Path, "lock", $"cannot change the locks: {outcome.Unavailable}.");
                }

                SyncIo.Block(Task.Delay(Random.Shared.Next(ShortestWaitMilliseconds, LongestWaitMilliseconds + 1)));
            }
        }
        finally
        {
            if (!done)
            {
                // Others of this process that came in meanwhile met the new rights; the old ones are held on the file and stay true.
                _entry.Rights = old;
            }
        }
    }

    /// <summary>Leaves the registry; the system's locks go with the descriptor.</summary>
    public void Release() => LockRegistry.Remove(_entry);

    public static ImageException InUse(string path, LockConflict conflict, bool byThisProcess)
    {
        string holder = byThisProcess ? "this process (another opened disk or image of it)" : "another process";
        // Where the holder writes, a reader may look on; where it forbids something, only closing helps.
        string what = conflict.DeniedByHolder
            ? $"{holder} does not share the \"{conflict.RightName}\" right. Close it there."
            : $"{holder} holds the \"{conflict.RightName}\" right. Close it there, or open it read-only without locks (ForceShare) if it may change while it is read.";
        return StorageErrors.Create(ImageErrorKind.InUse, path, "lock", $"the file is in use: {what}");
    }
}
