using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace QedVd.Host;

/// <summary>
/// A file on any system, with what the framework has: no holes, no inline completion, and of locks those of the platform
/// (share modes on Windows, whole-file locks elsewhere) next to the ones inside this process.
/// </summary>
internal sealed partial class PortableFile : HostFile
{
    private readonly FileStorageOptions _options;
    private volatile SafeFileHandle _handle;
    private volatile bool _readOnly;

    private PortableFile(string path, SafeFileHandle handle, StorageIdentity identity, FileStorageOptions options)
        : base(path)
    {
        _handle = handle;
        _options = options;
        _readOnly = options.ReadOnly;
        Identity = identity;
        Facts = (StorageFacts.CanSetLength | (ReadsZero(path) ? StorageFacts.NeverWrittenReadsZero : 0)) & ~options.DisabledFacts;
    }

    public override StorageIdentity Identity { get; }

    public override StorageFacts Facts { get; }

    public override bool IsReadOnly => _readOnly;

    internal SafeFileHandle Handle => _handle;

    public static PortableFile Open(string path, FileStorageOptions options)
    {
        string real = options.BeneathRoot is { } root ? PortableBeneath.Resolve(root, path) : path;
        SafeFileHandle handle = OpenHandle(real, options.ReadOnly, options.EffectiveLock);
        return Adopt(handle, real, options);
    }

    /// <summary>Makes a file of an open handle, or closes it and says why not.</summary>
    public static PortableFile Adopt(SafeFileHandle handle, string path, FileStorageOptions options)
    {
        try
        {
            return new PortableFile(path, handle, IdentityOf(handle, path), options);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    public override long GetLength()
    {
        try
        {
            return RandomAccess.GetLength(_handle);
        }
        catch (Exception exception) when (IsSystemError(exception))
        {
            throw StorageErrors.FromException(exception, Path, "get the length");
        }
    }

    public override long GetAllocatedBytes() => GetLength();

    public override int Read(long offset, Span<byte> buffer)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        int done = 0;
        while (done < buffer.Length)
        {
            SafeFileHandle handle = _handle;
            try
            {
                int count = RandomAccess.Read(handle, buffer[done..], offset + done);
                if (count == 0)
                {
                    break;
                }

                done += count;
            }
            catch (ObjectDisposedException) when (handle != _handle)
            {
                // The access was changed; go on with the new handle.
            }
            catch (Exception exception) when (IsSystemError(exception))
            {
                throw StorageErrors.FromException(exception, Path, "read", offset + done);
            }
        }

        return done;
    }

    public override int Read(long offset, IReadOnlyList<Memory<byte>> buffers)
    {
        int total = 0;
        foreach (Memory<byte> buffer in buffers)
        {
            int count = Read(offset + total, buffer.Span);
            total = checked(total + count);
            if (count < buffer.Length)
            {
                break;
            }
        }

        return total;
    }

    public override void Write(long offset, ReadOnlySpan<byte> buffer)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        try
        {
            RandomAccess.Write(_handle, buffer, offset);
        }
        catch (Exception exception) when (IsSystemError(exception))
        {
            throw StorageErrors.FromException(exception, Path, "write", offset);
        }
    }

    public override void Write(long offset, IReadOnlyList<ReadOnlyMemory<byte>> buffers)
    {
        foreach (ReadOnlyMemory<byte> buffer in buffers)
        {
            Write(offset, buffer.Span);
            offset += buffer.Length;
        }
    }

    public override void SetLength(long lengthBytes)
    {
        try
        {
            RandomAccess.SetLength(_handle, lengthBytes);
        }
        catch (Exception exception) when (IsSystemError(exception))
        {
            throw StorageErrors.FromException(exception, Path, "set the length", lengthBytes);
        }
    }

    public override void Flush()
    {
        _options.BarrierSeam?.Invoke();
        if (OperatingSystem.IsWindows())
        {
            // A handle without the right to write has nothing to flush, and may not.
            if (!_readOnly && !PortableNative.FlushFileBuffers(_handle))
            {
                throw StorageErrors.FromException(Marshal.GetExceptionForHR(Marshal.GetHRForLastWin32Error())!, Path, "make durable");
            }

            return;
        }

        // On macOS fsync stops at the drive's cache; the stronger one is not there on every file system.
        if (OperatingSystem.IsMacOS() && PortableNative.FCntl(_handle, PortableNative.MacFullFSync) == 0)
        {
            return;
        }

        while (PortableNative.FSync(_handle) != 0)
        {
            if (Marshal.GetLastPInvokeError() is var errno && errno != Errno.EINTR)
            {
                throw StorageErrors.FromErrno(errno, Path, "make durable");
            }
        }
    }

    public override LockOutcome TryLock(LockRights rights) => LockHandle(_handle, rights);

    public override LockOutcome TryChangeAccess(bool readOnly, LockRights oldRights, LockRights newRights)
    {
        ImageLockMode mode = readOnly ? ImageLockMode.Read : ImageLockMode.ReadWrite;
        SafeFileHandle old = _handle;
        if (OperatingSystem.IsWindows())
        {
            // Two handles of ours would exclude each other, so here there is a gap; the registry keeps this process out of it.
            old.Dispose();
            try
            {
                _handle = OpenSame(readOnly, mode);
            }
            catch
            {
                _handle = OpenSame(_readOnly, _readOnly ? ImageLockMode.Read : ImageLockMode.ReadWrite);
                throw;
            }
        }
        else
        {
            SafeFileHandle next = OpenSame(readOnly, mode);
            LockHandle(old, LockRights.None);
            LockOutcome outcome = LockHandle(next, newRights);
            if (outcome != LockOutcome.Held)
            {
                next.Dispose();
                LockHandle(old, oldRights);
                return outcome;
            }

            _handle = next;
            old.Dispose();
        }

        _readOnly = readOnly;
        return LockOutcome.Held;
    }

    public override void Dispose() => _handle.Dispose();

    private static SafeFileHandle OpenHandle(string path, bool readOnly, ImageLockMode mode)
    {
        if (PortableNative.CanOpenWithoutWaiting)
        {
            int descriptor;
            while ((descriptor = PortableNative.Open(path, (readOnly ? 0 : 2) | PortableNative.SafeOpenFlags)) < 0)
            {
                if (Marshal.GetLastPInvokeError() is var errno && errno != Errno.EINTR)
                {
                    throw OpenErrors.From(errno, path, readOnly, mayRead: !readOnly && errno is Errno.EACCES or Errno.EPERM && MayRead(path));
                }
            }

            return new SafeFileHandle(descriptor, ownsHandle: true);
        }

        if (Directory.Exists(path))
        {
            throw OpenErrors.From(Errno.EISDIR, path, readOnly: true);
        }

        // A reader that shares only reading keeps writers out, and fails where one is; a writer leaves room for readers that share everything.
        FileShare share = mode == ImageLockMode.None ? FileShare.ReadWrite | FileShare.Delete : FileShare.Read | FileShare.Delete;
        try
        {
#pragma warning disable RS0030 // This is the storage folder.
            return System.IO.File.OpenHandle(path, FileMode.Open, readOnly ? FileAccess.Read : FileAccess.ReadWrite, share);
#pragma warning restore RS0030
        }
        catch (Exception exception) when (IsSystemError(exception) || exception is ArgumentException or NotSupportedException)
        {
            throw StorageErrors.FromException(exception, path, "open");
        }
    }

    private static bool MayRead(string path)
    {
        int descriptor = PortableNative.Open(path, PortableNative.SafeOpenFlags);
        new SafeFileHandle(descriptor, ownsHandle: true).Dispose();
        return descriptor >= 0;
    }

    private static StorageIdentity IdentityOf(SafeFileHandle handle, string path)
    {
        if (PortableNative.Identify(handle) is { } found)
        {
            return found.IsRegular
                ? found.Identity
                : throw StorageErrors.Create(ImageErrorKind.RefusedByPolicy, path, "open", "cannot open: it is not a regular file; name an image file.");
        }

        try
        {
            _ = RandomAccess.GetLength(handle);
        }
        catch (NotSupportedException exception)
        {
            throw new ImageException(
                ImageErrorKind.RefusedByPolicy, $"{StorageErrors.Printable(path)}: cannot open: it is not a regular file; name an image file.", path, "open", null, exception);
        }

        // The name has to do; links make two of one there.
        byte[] hash = SHA256.HashData(Encoding.UTF8.GetBytes(path));
        return new StorageIdentity(0, BitConverter.ToUInt64(hash, 0), BitConverter.ToUInt64(hash, 8));
    }

    private static LockOutcome LockHandle(SafeFileHandle handle, LockRights rights)
    {
        if (OperatingSystem.IsWindows())
        {
            return LockOutcome.Held;
        }

        int operation = rights.IsNone
            ? PortableNative.LockRelease
            : PortableNative.LockNonBlocking | ((rights.Uses & LockRights.Write) != 0 ? PortableNative.LockExclusive : PortableNative.LockShared);
        if (PortableNative.FLock(handle, operation) == 0)
        {
            return LockOutcome.Held;
        }

        int errno = Marshal.GetLastPInvokeError();
        return errno == Errno.EAGAIN ? new LockOutcome(new LockConflict(1, DeniedByHolder: true), null) : new LockOutcome(null, StorageErrors.Text(errno));
    }

    /// <summary>NTFS and APFS zero what was never written; of others nothing is known here.</summary>
    private static bool ReadsZero(string path)
    {
        try
        {
            return OperatingSystem.IsWindows() ? System.IO.Path.GetPathRoot(path) is { Length: > 0 } root && new DriveInfo(root).DriveFormat == "NTFS"
                : OperatingSystem.IsMacOS() && new DriveInfo(path).DriveFormat == "apfs";
        }
        catch (Exception exception) when (IsSystemError(exception) || exception is ArgumentException)
        {
            return false;
        }
    }

    private static bool IsSystemError(Exception exception) => exception is IOException or UnauthorizedAccessException;

    private SafeFileHandle OpenSame(bool readOnly, ImageLockMode mode)
    {
        SafeFileHandle handle = OpenHandle(Path, readOnly, mode);
        try
        {
            return IdentityOf(handle, Path) == Identity
                ? handle
                : throw StorageErrors.Create(ImageErrorKind.Io, Path, "change the access", "another file has this name now, so the access to the open one cannot be changed; close it and open again.");
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }
}
