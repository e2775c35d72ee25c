namespace QedVd.Host;

/// <summary>One open file of the host: what the operating system can do with it, as <see cref="ImageException"/> or success. Thread safe.</summary>
internal abstract class HostFile(string path) : IDisposable
{
    /// <summary>The path, for messages.</summary>
    public string Path { get; } = path;

    public abstract StorageIdentity Identity { get; }

    /// <summary>Tells a file from an earlier one whose number it got: its time of birth, or 0 where there is none.</summary>
    public virtual long BirthStamp => 0;

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

    public abstract void Dispose();
}
