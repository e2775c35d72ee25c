namespace QedVd.Host;

/// <summary>
/// A file of the host. Reads and writes are positional and allocate nothing; an asynchronous read completes inline when the bytes are in
/// the page cache (Linux), a write up to <see cref="InlineWriteBytes"/> always does, the rest goes to the thread pool, and barriers to at most two
/// threads of their own.
/// </summary>
/// <remarks>
/// <para>On Linux: safe opening, QEMU's byte locks, holes, copies inside the kernel. Elsewhere the same members over what the platform has;
/// <see cref="Facts"/> tells. Of ext4, <see cref="StorageFacts.NeverWrittenReadsZero"/> is stated unless it is mounted with <c>data=writeback</c>;
/// of tmpfs it is, because a crash leaves no file; of overlayfs it is not, because the file system below is not known.</para>
/// <para>A barrier that failed fences the storage and is remembered for the file, by identity, until the process ends or
/// <see cref="ForgetEarlierFence"/> is called: who opens the file again sees <see cref="EarlierFence"/>, after its cached pages were dropped.</para>
/// </remarks>
public sealed partial class FileStorage : IImageStorage
{
    /// <summary>The longest write that an asynchronous request does on the calling thread.</summary>
    public const int InlineWriteBytes = 64 << 10;

    private readonly HostFile _file;
    private readonly FileLocking _locking;
    private readonly BarrierQueue _barriers;
    private readonly Lock _lengthGate = new();

    // The system tells of data that it could not write once: a barrier beside one that is told of it would pass.
    private readonly Lock _barrierGate = new();
    private volatile StorageFence? _fence;
    private StorageFence? _earlierFence;

    /// <summary>The file must be at least this long: nobody else may cut it. Guarded by the gate above.</summary>
    private long _knownLength;
    private int _disposed;

    private FileStorage(HostFile file, FileLocking locking, FileStorageOptions options)
    {
        _file = file;
        _locking = locking;
        _barriers = new BarrierQueue(Barrier);
        LockMode = options.EffectiveLock;
        Facts = (file.Facts | (locking.IsHeld ? StorageFacts.HasImageLocks : 0)) & ~options.DisabledFacts;
        _knownLength = OwnLength();
    }

    /// <inheritdoc/>
    public string Name => _file.Path;

    /// <inheritdoc/>
    public StorageFacts Facts { get; }

    /// <inheritdoc/>
    public StorageIdentity Identity => _file.Identity;

    /// <inheritdoc/>
    public bool IsReadOnly => _file.IsReadOnly;

    /// <inheritdoc/>
    public StorageFence? EarlierFence => _earlierFence;

    /// <summary>What others are kept from, as asked for; <see cref="StorageFacts.HasImageLocks"/> says whether other processes really are.</summary>
    public ImageLockMode LockMode { get; private set; }

    /// <summary>Why other processes are not kept out although that was asked for; null when they are. For the user's eyes.</summary>
    public string? LockWarning => _locking.Warning;

    internal HostFile File => _file;

    /// <summary>
    /// Opens a file that exists: a regular file, over links. Never waits for another process, be it a FIFO, a socket or a device (those are refused);
    /// a lock that is in the way is tried a few times within 50 ms.
    /// </summary>
    /// <param name="path">The file; a relative path is taken as the system does, so give an absolute one.</param>
    /// <param name="options">How; null for reading and writing.</param>
    /// <exception cref="ImageException"><see cref="ImageErrorKind.NotFound"/>; <see cref="ImageErrorKind.InUse"/>;
    /// <see cref="ImageErrorKind.ReadOnly"/> when it may be read but not written; <see cref="ImageErrorKind.RefusedByPolicy"/> for anything but a
    /// regular file, and for a path that leaves <see cref="FileStorageOptions.BeneathRoot"/>; <see cref="ImageErrorKind.InvalidArgument"/> for an impossible name
    /// or a writable file without its locks; <see cref="ImageErrorKind.Io"/>.</exception>
    public static FileStorage Open(string path, FileStorageOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        options ??= new FileStorageOptions();
        if (!options.ReadOnly && options.EffectiveLock != ImageLockMode.ReadWrite)
        {
            throw StorageErrors.Create(ImageErrorKind.InvalidArgument, path, "open", $"lock mode {options.Lock} is for read-only files; a writable one is always locked.");
        }

        if (path.Contains('\0', StringComparison.Ordinal))
        {
            throw StorageErrors.Create(ImageErrorKind.InvalidArgument, path, "open", "a file name cannot contain the character NUL.");
        }

        HostFile file = LinuxNative.IsSupported && !options.UsePortableForm ? LinuxOpen.Open(path, options) : PortableFile.Open(path, options);
        return Adopt(file, LockRights.Of(options.EffectiveLock), options);
    }

    /// <summary>Locks an open file and makes a storage of it; closes it on failure.</summary>
    internal static FileStorage Adopt(HostFile file, LockRights rights, FileStorageOptions options)
    {
        FileLocking? locking = null;
        try
        {
            locking = FileLocking.Take(file, rights, useSystemLocks: !options.DisabledFacts.HasFlag(StorageFacts.HasImageLocks));
            var storage = new FileStorage(file, locking, options);
            storage.MeetEarlierFence();
            return storage;
        }
        catch
        {
            locking?.Release();
            file.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Turns a read-only storage into a writable one or back, with the locks that belong to it, without a moment in which the file is
    /// not held. Requests that run keep the access they started with: drain them first.
    /// </summary>
    /// <exception cref="ImageException">In use, not permitted: the storage is as it was.</exception>
    public void ChangeAccess(bool readOnly)
    {
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        if (readOnly == IsReadOnly)
        {
            return;
        }

        if (!readOnly)
        {
            ThrowIfFenced("change the access");
        }

        ImageLockMode mode = readOnly ? ImageLockMode.Read : ImageLockMode.ReadWrite;
        _locking.Change(readOnly, LockRights.Of(mode));
        LockMode = mode;
        lock (_lengthGate)
        {
            _knownLength = OwnLength();
        }
    }

    /// <summary>
    /// Keeps everybody else from having the file open, as a writer would, whatever access this storage has: for who is about to delete it.
    /// </summary>
    /// <exception cref="ImageException"><see cref="ImageErrorKind.InUse"/>: somebody has it open; the storage is as it was.</exception>
    internal void HoldAlone()
    {
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        if (IsReadOnly)
        {
            _locking.HoldAlone();
            LockMode = ImageLockMode.ReadWrite;
        }
    }

    /// <summary>
    /// Gives the file another name on the same volume while it is open, in one step; the new name is durable when this returns. Its locks stay as they are.
    /// On failure the file has its old name; where even that could not be brought about, the message says so and <see cref="Name"/> is the new one.
    /// </summary>
    /// <param name="newPath">The new name; absolute.</param>
    /// <param name="overwrite">Lets it take the place of a file that exists. That one must be a regular file, writable and used by nobody.</param>
    /// <exception cref="ImageException"><see cref="ImageErrorKind.AlreadyExists"/>; <see cref="ImageErrorKind.NotSupported"/> for another volume;
    /// <see cref="ImageErrorKind.InUse"/> when the file to be replaced is in use, or the name of this one is a link or another file's by now;
    /// <see cref="ImageErrorKind.NotFound"/> when the folder is missing.</exception>
    public void Rename(string newPath, bool overwrite = false)
    {
        ArgumentException.ThrowIfNullOrEmpty(newPath);
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        if (newPath == Name)
        {
            return;
        }

        PendingFile.CheckName(newPath, "rename");
        FileStorage? replaced = overwrite
            ? PendingFile.LockReplaced(ref newPath, new PendingFileOptions { Overwrite = true, UsePortableForm = _file is PortableFile })
            : null;
        using (replaced)
        {
            FileRename.Run(_file, newPath, replaced?._file);
        }
    }

    /// <summary>
    /// Forgets the barrier that failed on this file earlier (<see cref="EarlierFence"/>). For who has checked the whole image after this
    /// opening and found it good. It does not lift a fence of this storage itself.
    /// </summary>
    public void ForgetEarlierFence()
    {
        if (_fence is null)
        {
            FenceRegistry.Forget(_file);
            _earlierFence = null;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            // In this order: once it is closed, another file may get its number, and must meet nobody under it.
            _locking.Release();
            _file.Dispose();
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        Dispose();
        return default;
    }

    /// <summary>The length that nobody else may take away, or 0.</summary>
    private long OwnLength() => !IsReadOnly && Facts.HasFlag(StorageFacts.CanSetLength) ? _file.GetLength() : 0;

    private void MeetEarlierFence()
    {
        _earlierFence = FenceRegistry.Find(_file);
        if (_earlierFence is null)
        {
            return;
        }

        try
        {
            // Only clean pages can be dropped. Whether this works now says nothing about what was lost then.
            _file.Flush();
        }
        catch (ImageException)
        {
            // The earlier fence says it already.
        }

        _file.DropCache();
    }

    private void ThrowIfFenced(string operation)
    {
        if (_fence is { } fence)
        {
            ThrowFenced(fence, operation);
        }
    }

    private void ThrowFenced(StorageFence fence, string operation) =>
        throw StorageErrors.Create(ImageErrorKind.Fenced, Name, operation, $"cannot {operation}: {fence.Message} What was written since the last good barrier is undefined; close the image, open it again and check it.");

    private void ThrowIfNotWritable(string operation)
    {
        ThrowIfFenced(operation);
        if (IsReadOnly)
        {
            throw StorageErrors.Create(ImageErrorKind.ReadOnly, Name, operation, $"cannot {operation}: the file was opened read-only.");
        }
    }
}
