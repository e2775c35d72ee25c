namespace QedVd.Host;

/// <summary>
/// A new file that appears under its name only when it is complete: until <see cref="Publish"/> nobody finds it there, after it the file
/// and its name survive a crash, and whatever ends the process in between leaves no file or the one that was there before.
/// </summary>
/// <remarks>
/// <para>Where the file system has no nameless files, or a file is replaced, it is called <c>.&lt;16 hexadecimal digits&gt;.qedvd-new</c> for a while;
/// what a killed run leaves under such a name is removed by the next run that makes a file in that folder.</para>
/// <para>Not thread safe; its storage is.</para>
/// </remarks>
public sealed class PendingFile : IDisposable, IAsyncDisposable
{
    private readonly PendingPlace _place;
    private readonly FileStorage? _replaced;

    // What the replaced file is called meanwhile.
    private string? _awayPath;
    private bool _taken;
    private bool _disposed;

    private PendingFile(string path, PendingPlace place, FileStorage storage, FileStorage? replaced)
    {
        Path = path;
        _place = place;
        Storage = storage;
        _replaced = replaced;
    }

    /// <summary>The name that the file will get. Where the name given was a link to a file that is replaced: the file.</summary>
    public string Path { get; }

    /// <summary>The empty file to fill, locked for writing. Its name for messages is already the final one. Stays open after <see cref="Publish"/>.</summary>
    public FileStorage Storage { get; }

    /// <summary>Whether the file has its name.</summary>
    public bool IsPublished { get; private set; }

    /// <summary>Makes a nameless or temporarily named file in the folder of <paramref name="path"/>.</summary>
    /// <param name="path">The name that it shall get; absolute.</param>
    /// <param name="options">How; null: never over an existing file.</param>
    /// <exception cref="ImageException"><see cref="ImageErrorKind.AlreadyExists"/>; with <see cref="PendingFileOptions.Overwrite"/>
    /// <see cref="ImageErrorKind.InUse"/>, <see cref="ImageErrorKind.ReadOnly"/>, <see cref="ImageErrorKind.RefusedByPolicy"/> for what is no regular file;
    /// <see cref="ImageErrorKind.NotFound"/> when the folder is missing; <see cref="ImageErrorKind.OutOfSpace"/>; <see cref="ImageErrorKind.Io"/>.</exception>
    public static PendingFile Create(string path, PendingFileOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        options ??= new PendingFileOptions();
        CheckName(path, "create");
        FileStorage? replaced = LockReplaced(ref path, options);
        PendingPlace? place = null;
        FileStorage? storage = null;
        try
        {
            place = LinuxNative.IsSupported && !options.UsePortableForm ? new LinuxPendingPlace(path, options) : new PortablePendingPlace(path, options);
            storage = place.CreateStorage(replaced);
            if (replaced is not null)
            {
                place.CopyRights(replaced.File);
            }

            return new PendingFile(path, place, storage, replaced);
        }
        catch
        {
            place?.Abandon();
            storage?.Dispose();
            replaced?.Dispose();
            throw;
        }
    }

    /// <summary>Whether the file that is replaced has no name but a temporary one.</summary>
    internal bool HasTakenAway => _awayPath is not null;

    /// <summary>Makes the file durable, gives it its name, and makes that durable. The file then stays whatever happens to this object.</summary>
    /// <exception cref="ImageException"><see cref="ImageErrorKind.AlreadyExists"/> when the name was taken meanwhile; otherwise the cause.
    /// The file has not got its name, and another has it on, unless <see cref="IsPublished"/> says so: then its folder could not be made durable, and the
    /// name could not be taken back either.</exception>
    public void Publish()
    {
        PublishUnsettled();
        Settle();
    }

    /// <summary>
    /// Takes the file away that is to be replaced, durably: of several files that belong together, no new one may come to lie beneath it. Until
    /// <see cref="Settle"/> it can be put back. Nothing happens where none is replaced.
    /// </summary>
    internal void TakeAway()
    {
        if (_replaced is null)
        {
            return;
        }

        if (!_replaced.File.HasName(Path))
        {
            throw PendingPlace.CannotReplace(Path);
        }

        string away = PendingPlace.NewTemporaryPath(System.IO.Path.GetDirectoryName(Path)!);
        _replaced.File.MoveName(Path, away, overwrite: false);
        _awayPath = away;
        _place.FlushFolder();
    }

    /// <summary>Gives the file that was taken away its name again; it must be free. False where that failed.</summary>
    internal bool TryPutBack()
    {
        try
        {
            if (_awayPath is not null)
            {
                _replaced!.File.MoveName(_awayPath, Path, overwrite: false);
                _awayPath = null;
            }

            return true;
        }
        catch (ImageException)
        {
            return false;
        }
    }

    /// <summary>Makes the names of the folder durable; false where that failed.</summary>
    internal bool TryFlushFolder()
    {
        try
        {
            _place.FlushFolder();
            return true;
        }
        catch (ImageException)
        {
            return false;
        }
    }

    /// <summary>As <see cref="Publish"/>; until <see cref="Settle"/> the name can be taken back. Of several files that belong together.</summary>
    /// <param name="isDurable">False leaves it to the system when the bytes and the name become durable.</param>
    internal void PublishUnsettled(bool isDurable = true)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (IsPublished)
        {
            throw new InvalidOperationException("The file has been published already.");
        }

        if (isDurable)
        {
            Storage.FullBarrier();
        }

        if (_replaced is null || HasTakenAway)
        {
            _place.Link();
        }
        else
        {
            _place.Replace(_replaced);
        }

        try
        {
            if (isDurable)
            {
                _place.FlushFolder();
            }
        }
        catch (ImageException)
        {
            // A name that may or may not be there after a crash is taken back, and what had it gets it again.
            IsPublished = !_place.TryWithdraw();
            throw;
        }

        IsPublished = true;
    }

    /// <summary>The file keeps its name for good; what it has replaced is gone.</summary>
    internal void Settle()
    {
        if (IsPublished)
        {
            _place.Settle();
            if (_awayPath is not null)
            {
                PendingPlace.TryDelete(_awayPath);
                _awayPath = null;
            }

            _replaced?.Dispose();
        }
    }

    /// <summary>Takes the name back, before <see cref="Settle"/>; a file that was replaced has it again, where the system can do that. False where it could not be.</summary>
    internal bool TryWithdraw()
    {
        if (IsPublished && _place.TryWithdraw())
        {
            IsPublished = false;
        }

        return !IsPublished;
    }

    /// <inheritdoc cref="Publish"/>
    public ValueTask PublishAsync(CancellationToken cancellationToken = default) =>
        PublishAsync(isDurable: true, cancellationToken);

    /// <summary>As <see cref="Publish"/>, but for what it promises of a crash, when that is not wanted.</summary>
    internal ValueTask PublishAsync(bool isDurable, CancellationToken cancellationToken) =>
        new(Task.Run(
            () =>
            {
                PublishUnsettled(isDurable);
                Settle();
            },
            cancellationToken));

    /// <summary>Hands the storage of a published file over to the caller, who disposes it; its locks are held on.</summary>
    public FileStorage TakeStorage()
    {
        if (!IsPublished || _taken)
        {
            throw new InvalidOperationException("Only the storage of a published file can be taken, and once.");
        }

        _taken = true;
        return Storage;
    }

    /// <summary>Closes the storage, unless it was taken. A file that was not published is gone.</summary>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        if (IsPublished)
        {
            _place.Settle();
        }
        else
        {
            _place.Abandon();
        }

        if (!_taken)
        {
            Storage.Dispose();
        }

        _replaced?.Dispose();
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        Dispose();
        return default;
    }

    internal static void CheckName(string path, string operation)
    {
        if (path.Contains('\0', StringComparison.Ordinal) || System.IO.Path.GetFileName(path) is "" or "." or "..")
        {
            throw StorageErrors.Create(ImageErrorKind.InvalidArgument, path, operation, $"cannot {operation}: this is not the name of a file.");
        }
    }

    /// <summary>Looks at what has the name now: nothing, or a file that may be replaced and is held until that is done.</summary>
    internal static FileStorage? LockReplaced(ref string path, PendingFileOptions options)
    {
        var entry = new FileInfo(path);
        bool isLink = entry.LinkTarget is not null;
        if (!isLink && !entry.Exists && !Directory.Exists(path))
        {
            return null;
        }

        if (!options.Overwrite)
        {
            throw PendingPlace.AlreadyExists(path);
        }

        if (isLink)
        {
            // The file is replaced, not the link to it.
            path = FollowLinks(entry, path);
            if (!File.Exists(path) && !Directory.Exists(path))
            {
                return null;
            }
        }

        FileStorageOptions opening = options.ForStorage with { BarrierSeam = null };
        HostFile file = LinuxNative.IsSupported && !options.UsePortableForm ? LinuxOpen.Open(path, opening) : PortableFile.Open(path, opening);
        if (options.KeepChainOf?.Identities.Contains(file.Identity) == true)
        {
            file.Dispose();
            throw DiskHost.BelongsToChain(path, "create");
        }

        return FileStorage.Adopt(file, LockRights.Create, opening);
    }

    private static string FollowLinks(FileInfo link, string path)
    {
        try
        {
            return link.ResolveLinkTarget(returnFinalTarget: true)!.FullName;
        }
        catch (IOException)
        {
            throw OpenErrors.From(Errno.ELOOP, path, readOnly: true);
        }
    }
}
