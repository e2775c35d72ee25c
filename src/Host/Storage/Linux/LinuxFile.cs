using Microsoft.Win32.SafeHandles;
using static QedVd.Host.LinuxNative;

namespace QedVd.Host;

/// <summary>A file on Linux: positional system calls with errno looked at, interrupted and partial transfers gone on with.</summary>
internal sealed unsafe partial class LinuxFile : HostFile
{
    /// <summary>What one copy_file_range may be asked for; the kernel takes less than 2 GiB at a time.</summary>
    private const long MaxCopyBytes = 1 << 30;

    /// <summary>How often a map is asked again when the file changed between the two questions.</summary>
    private const int MapAttempts = 8;

    private readonly SafeFileHandle _handle;
    private readonly LinuxVolume _volume;
    private readonly Action? _barrierSeam;
    private readonly Action? _folderSeam;
    private FileMark _mark;
    private int _isDisposed;
    private volatile bool _readOnly;
    private volatile bool _noWaitWorks = true;

    /// <summary>A length or a hole changed since the last flush, on a file system of which it is not known that fdatasync covers that.</summary>
    private volatile bool _needsFullFlush;

    /// <summary>Where data was found last. It may be gone since, by whomever: SEEK_HOLE, which is always asked, says so with that very offset.</summary>
    private long _dataBehindHole = -1;

    internal LinuxFile(string path, SafeFileHandle handle, in LinuxStatx stat, LinuxVolume volume, FileStorageOptions options)
        : base(path)
    {
        _handle = handle;
        _volume = volume;
        _readOnly = options.ReadOnly;
        _barrierSeam = options.BarrierSeam;
        _folderSeam = options.FolderSeam;
        _mark = stat.Mark;
        Facts = volume.Facts & ~options.DisabledFacts;
    }

    public override StorageIdentity Identity => _mark.Identity;

    public override FileMark Mark => _mark;

    public override StorageFacts Facts { get; }

    public override bool IsReadOnly => _readOnly;

    public override bool HasByteLocks => true;

    internal SafeFileHandle Handle => _handle;

    public override long GetLength()
    {
        long end = Seek(_handle, 0, SEEK_END);
        return end >= 0 ? end : throw Failed(LastError, "get the length");
    }

    public override long GetAllocatedBytes() => (long)GetStat().Blocks * 512;

    public LinuxStatx GetStat() =>
        Statx(_handle, "", AT_EMPTY_PATH, STATX_BASIC_BTIME_MNT_ID, out LinuxStatx stat) == 0 ? stat : throw Failed(LastError, "look at the file");

    public override int Read(long offset, Span<byte> buffer)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        int done = 0;
        fixed (byte* start = buffer)
        {
            while (done < buffer.Length)
            {
                nint count = PRead(_handle, start + done, (nuint)(buffer.Length - done), offset + done);
                if (count > 0)
                {
                    done += (int)count;
                }
                else if (count == 0)
                {
                    break;
                }
                else if (LastError is var errno && errno != Errno.EINTR)
                {
                    throw Failed(errno, "read", offset + done);
                }
            }
        }

        return done;
    }

    public override bool TryReadCached(long offset, Span<byte> buffer, out int done)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        done = 0;
        if (!_noWaitWorks)
        {
            return false;
        }

        fixed (byte* start = buffer)
        {
            while (done < buffer.Length)
            {
                IoVector vector = new() { Address = start + done, LengthBytes = (nuint)(buffer.Length - done) };
                nint count = PReadV2(_handle, &vector, 1, offset + done, RWF_NOWAIT);
                if (count > 0)
                {
                    done += (int)count;
                }
                else if (count == 0)
                {
                    return true;
                }
                else if (LastError is var errno && errno != Errno.EINTR)
                {
                    if (errno == Errno.EOPNOTSUPP || errno == Errno.ENOSYS || errno == Errno.EINVAL)
                    {
                        _noWaitWorks = false;
                    }

                    // Any other error comes back, with its message, when the rest is read in the ordinary way.
                    return false;
                }
            }
        }

        return true;
    }

    public override void Write(long offset, ReadOnlySpan<byte> buffer)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        fixed (byte* start = buffer)
        {
            int done = 0;
            while (done < buffer.Length)
            {
                nint count = PWrite(_handle, start + done, (nuint)(buffer.Length - done), offset + done);
                if (count > 0)
                {
                    done += (int)count;
                }
                else if (count == 0)
                {
                    throw Failed(Errno.EIO, "write", offset + done);
                }
                else if (LastError is var errno && errno != Errno.EINTR)
                {
                    throw Failed(errno, "write", offset + done);
                }
            }
        }

        if (!_volume.DataFlushCoversLength)
        {
            _needsFullFlush = true;
        }
    }

    public override void SetLength(long lengthBytes)
    {
        if (!_volume.Facts.HasFlag(StorageFacts.CanSetLength))
        {
            throw ImageException.NotSupported("setting the length of a block device", Path);
        }

        while (FTruncate(_handle, lengthBytes) != 0)
        {
            if (LastError is var errno && errno != Errno.EINTR)
            {
                throw Failed(errno, "set the length", lengthBytes);
            }
        }

        _needsFullFlush |= !_volume.DataFlushCoversLength;
    }

    public override void Flush()
    {
        if (_needsFullFlush)
        {
            // Before the call: what changes while it runs belongs to the next one.
            _needsFullFlush = false;
            FlushAll();
            return;
        }

        if (_barrierSeam is not null)
        {
            _barrierSeam();
        }

        while (FDataSync(_handle) != 0)
        {
            if (LastError is var errno && errno != Errno.EINTR)
            {
                throw Failed(errno, "make durable");
            }
        }
    }

    public override void FlushAll()
    {
        if (_barrierSeam is not null)
        {
            _barrierSeam();
        }

        while (FSync(_handle) != 0)
        {
            if (LastError is var errno && errno != Errno.EINTR)
            {
                throw Failed(errno, "make durable");
            }
        }
    }

    public override void PunchHole(long offset, long lengthBytes)
    {
        if (!Facts.HasFlag(StorageFacts.CanPunchHoles))
        {
            throw ImageException.NotSupported("punching holes", Path);
        }

        while (FAllocate(_handle, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, lengthBytes) != 0)
        {
            if (LastError is var errno && errno != Errno.EINTR)
            {
                throw Failed(errno, "punch a hole", offset);
            }
        }

        _needsFullFlush |= !_volume.DataFlushCoversLength;
    }

    public override bool TryAllocate(long offset, long lengthBytes)
    {
        while (FAllocate(_handle, 0, offset, lengthBytes) != 0)
        {
            int errno = LastError;
            if (errno == Errno.EOPNOTSUPP || errno == Errno.ENOSYS || errno == Errno.ENODEV)
            {
                return false;
            }

            if (errno != Errno.EINTR)
            {
                throw Failed(errno, "allocate", offset);
            }
        }

        _needsFullFlush |= !_volume.DataFlushCoversLength;
        return true;
    }

    public override StorageExtent GetExtent(long offset)
    {
        if (!Facts.HasFlag(StorageFacts.CanMapHoles))
        {
            long rest = GetLength() - offset;
            return new StorageExtent(Math.Max(0, rest), IsHole: false);
        }

        // Who goes through a file asks at the end of a hole next, where the question for that hole has found data.
        bool isKnown = offset == Volatile.Read(ref _dataBehindHole);
        for (int attempt = 0; attempt < MapAttempts; attempt++)
        {
            long data = isKnown ? offset : Seek(_handle, offset, SEEK_DATA);
            if (data < 0)
            {
                // ENXIO: no data up to the end, or beyond it. Anything else: not known, which is data.
                bool isHole = LastError == Errno.ENXIO;
                long rest = GetLength() - offset;
                return rest > 0 ? new StorageExtent(rest, isHole) : new StorageExtent(0, IsHole: false);
            }

            if (data > offset)
            {
                Volatile.Write(ref _dataBehindHole, data);
                return new StorageExtent(data - offset, IsHole: true);
            }

            long hole = Seek(_handle, offset, SEEK_HOLE);
            if (hole > offset)
            {
                return new StorageExtent(hole - offset, IsHole: false);
            }

            if (hole < 0)
            {
                // Cut since, or not known, which is data.
                return new StorageExtent(Math.Max(0, GetLength() - offset), IsHole: false);
            }

            // Punched since it was found.
            isKnown = false;
        }

        return new StorageExtent(Math.Clamp(GetLength() - offset, 0, 4096 - (offset % 4096)), IsHole: false);
    }

    public override long CopyRange(long offset, HostFile target, long targetOffset, long lengthBytes)
    {
        if (target is not LinuxFile file || !(Facts & file.Facts).HasFlag(StorageFacts.CanCopyRange))
        {
            return 0;
        }

        long done = 0;
        while (done < lengthBytes)
        {
            long from = offset + done;
            long to = targetOffset + done;
            nint count = CopyFileRange(_handle, &from, file._handle, &to, (nuint)Math.Min(lengthBytes - done, MaxCopyBytes), 0);
            if (count > 0)
            {
                done += count;
                continue;
            }

            if (count == 0)
            {
                break;
            }

            int errno = LastError;
            if (errno is Errno.ENOSPC or Errno.EIO or Errno.EFBIG || errno == Errno.EDQUOT)
            {
                throw file.Failed(errno, "copy", to);
            }

            if (errno != Errno.EINTR)
            {
                // Not between these two; the caller copies by hand, and meets what is really wrong.
                break;
            }
        }

        if (done > 0)
        {
            file._needsFullFlush |= !file._volume.DataFlushCoversLength;
        }

        return done;
    }

    public override void AdviseSequential() => _ = FAdvise(_handle, 0, 0, POSIX_FADV_SEQUENTIAL);

    public override void DropCache() => _ = FAdvise(_handle, 0, 0, POSIX_FADV_DONTNEED);

    public override void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) == 0)
        {
            _volume.Mount?.Exit();
            ReleaseAll();
            _handle.Dispose();
        }
    }

    private ImageException Failed(int errno, string operation, long? offset = null) => StorageErrors.FromErrno(errno, Path, operation, offset);
}
