namespace QedVd.Host;

/// <summary>One open file of the host: what the operating system can do with it, as <see cref="ImageException"/> or success. Thread safe.</summary>
internal abstract class HostFile(string path) : IDisposable
{
    private volatile string _path = path;

    /// <summary>The path, for messages and for opening it again. Follows a renaming.</summary>
    public string Path
    {
        get => _path;
        set => _path = value;
    }

    public abstract StorageIdentity Identity { get; }

    /// <summary>Which one it is.</summary>
    public virtual FileMark Mark => new(Identity, 0);

    public abstract StorageFacts Facts { get; }

    public abstract bool IsReadOnly { get; }

    /// <summary>Whether <see cref="TryLock"/> takes the byte locks that QEMU takes.</summary>
    public virtual bool HasByteLocks => false;

    public abstract long GetLength();

    public abstract long GetAllocatedBytes();

    /// <summary>Reads all, or up to the end.</summary>
    public abstract int Read(long offset, Span<byte> buffer);

    public abstract int Read(long offset, IReadOnlyList<Memory<byte>> buffers);

    /// <summary>Reads what needs no waiting. False: <paramref name="done"/> bytes were read, the rest has to wait, or it is not known.</summary>
    public virtual bool TryReadCached(long offset, Span<byte> buffer, out int done)
    {
        done = 0;
        return false;
    }

    public abstract void Write(long offset, ReadOnlySpan<byte> buffer);

    public abstract void Write(long offset, IReadOnlyList<ReadOnlyMemory<byte>> buffers);

    public abstract void SetLength(long lengthBytes);

    /// <summary>Makes everything before durable. Throws the cause.</summary>
    public abstract void Flush();

    /// <summary>The same with everything that is known about the file (mode, owner): for a new file, before it gets its name.</summary>
    public virtual void FlushAll() => Flush();

    public virtual void PunchHole(long offset, long lengthBytes) => throw ImageException.NotSupported("punching holes", Path);

    /// <summary>Takes room for a range. False: not here, write zeros.</summary>
    public virtual bool TryAllocate(long offset, long lengthBytes) => false;

    public virtual StorageExtent GetExtent(long offset) => new(Math.Max(0, GetLength() - offset), IsHole: false);

    /// <summary>Copies in the kernel; 0 where that is not possible.</summary>
    public virtual long CopyRange(long offset, HostFile target, long targetOffset, long lengthBytes) => 0;

    public virtual void AdviseSequential()
    {
    }

    /// <summary>Forgets cached pages, so that reads see what the device has.</summary>
    public virtual void DropCache()
    {
    }

    /// <summary>Takes the locks of <paramref name="rights"/> against other processes. Null: held. Throws when the system has none.</summary>
    public abstract LockOutcome TryLock(LockRights rights);

    /// <summary>Opens the same file with the other access and moves the locks over without a gap. On failure everything stays as it was.</summary>
    public abstract LockOutcome TryChangeAccess(bool readOnly, LockRights oldRights, LockRights newRights);

    /// <summary>
    /// Adds the locks of a writer to those that are held, so that nobody else has the file open; without writing to it, where the system can tell apart. On failure
    /// everything stays as it was.
    /// </summary>
    public virtual LockOutcome TryHoldAlone(LockRights held) => TryChangeAccess(readOnly: false, held, LockRights.Of(ImageLockMode.ReadWrite));

    /// <summary>Whether a name, itself and not what it may link to, is this file's.</summary>
    public abstract bool HasName(string path);

    /// <summary>Moves a name within its volume, in one step. Without <paramref name="overwrite"/> the new one must be free.</summary>
    public abstract void MoveName(string from, string to, bool overwrite);

    /// <summary>Gives a file a second name. False where that is not possible.</summary>
    public abstract bool TryLinkName(string from, string to);

    /// <summary>Removes such a second name. Never throws.</summary>
    public abstract void RemoveName(string path);

    /// <summary>Makes the names in a folder durable.</summary>
    public abstract void FlushFolder(string folder);

    public abstract void Dispose();

    protected static ImageException NotMoved(int errno, string from, string to) => errno switch
    {
        Errno.EEXIST => StorageErrors.Create(ImageErrorKind.AlreadyExists, to, "rename", "cannot rename to this: the file exists; choose another name, or ask for it to be overwritten."),
        Errno.EXDEV => StorageErrors.Create(
            ImageErrorKind.NotSupported, from, "rename", $"cannot rename to '{StorageErrors.Printable(to)}': it lies on another volume; convert or copy the image there."),
        Errno.ENOENT or Errno.ENOTDIR => StorageErrors.Create(
            ImageErrorKind.NotFound, from, "rename", $"cannot rename to '{StorageErrors.Printable(to)}': its folder does not exist; make it first."),
        _ => StorageErrors.FromErrno(errno, from, $"rename to '{StorageErrors.Printable(to)}'"),
    };
}
