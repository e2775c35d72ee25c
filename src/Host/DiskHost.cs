using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace QedVd.Host;

/// <summary>
/// Finds backends, recognises and opens images, composes them into disks, and runs the operations on them.
/// </summary>
/// <remarks>Thread safe. One host per program is enough: it owns the backends and the memory for tables that all its images share.</remarks>
/// <example><code>
/// using var host = new DiskHost();
/// using VirtualDisk disk = host.OpenDisk("vm.qed");
/// disk.Read(0, buffer);
/// </code></example>
public sealed partial class DiskHost : IDisposable, IAsyncDisposable
{
    private const string PluginFolder = "plugins";

    private readonly ImageOpener _opener;
    private readonly ILogger _logger;
    private readonly Lock _lock = new();
    private readonly Dictionary<long, string> _openDisks = [];
    private long _lastDisk;
    private bool _isDisposed;

    /// <summary>Sets the host up and loads the plugins.</summary>
    /// <param name="options">How; null: the plugins beside the application.</param>
    /// <param name="loggers">For what an operator wants to know; null: nowhere.</param>
    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = "A trimmed program registers its backends, and has no folder of plugins.")]
    public DiskHost(DiskHostOptions? options = null, ILoggerFactory? loggers = null)
    {
        options ??= new DiskHostOptions();
        loggers ??= NullLoggerFactory.Instance;
        _logger = loggers.CreateLogger<DiskHost>();
        Backends = new BackendCatalog(new BackendCatalogOptions
        {
            Loader = options.PluginLoader,
            AreUnloadable = options.ArePluginsUnloadable,
            PluginCallLimit = options.PluginCallLimit,
            Logger = loggers.CreateLogger<BackendCatalog>(),
            Time = options.Time,
        });
        _opener = new ImageOpener(Backends, new TablePool(options.TableBudgetBytes), options.Time, _logger);

        foreach (IImageBackend backend in options.Backends)
        {
            Backends.Add(backend);
        }

        string beside = Path.Combine(AppContext.BaseDirectory, PluginFolder);
        if (options.LoadDefaultPlugins && Directory.Exists(beside))
        {
            Backends.LoadFolder(beside);
        }

        foreach (string folder in options.PluginFolders)
        {
            Backends.LoadFolder(folder);
        }
    }

    /// <summary>The backends of this host, and the plugins that they come from.</summary>
    public BackendCatalog Backends { get; }

    /// <summary>Finds out what a file is: every backend's answer, and well-known formats without one. Takes no lock.</summary>
    public ProbeReport Probe(string path)
    {
        using FileStorage storage = OpenUnlocked(path);
        return SyncIo.Complete(_opener.ProbeAsync<SyncIo>(storage, default));
    }

    /// <inheritdoc cref="Probe"/>
    public async ValueTask<ProbeReport> ProbeAsync(string path, CancellationToken cancellationToken = default)
    {
        using FileStorage storage = OpenUnlocked(path);
        return await _opener.ProbeAsync<AsyncIo>(storage, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Opens a file and its parents as a disk.</summary>
    /// <param name="path">The top image; a relative path starts at the process's folder.</param>
    /// <param name="options">How; null: for reading and writing, the format found by probing, parents confined to the file's folder.</param>
    /// <exception cref="ImageException">The message names the level, the path and what would help.</exception>
    public VirtualDisk OpenDisk(string path, DiskOpenOptions? options = null) =>
        SyncIo.Complete(OpenDiskCore<SyncIo>(path, options ?? new DiskOpenOptions(), default));

    /// <inheritdoc cref="OpenDisk(string, DiskOpenOptions)"/>
    public ValueTask<VirtualDisk> OpenDiskAsync(string path, DiskOpenOptions? options = null, CancellationToken cancellationToken = default) =>
        OpenDiskCore<AsyncIo>(path, options ?? new DiskOpenOptions(), cancellationToken);

    /// <summary>
    /// Opens a storage as the top image of a disk, to be given up to it: it is disposed with the disk, or when the opening fails. Parents can only
    /// be given as <see cref="DiskOpenOptions.ParentDisk"/>, because names in a storage that is no file are relative to nothing.
    /// </summary>
    public async ValueTask<VirtualDisk> OpenDiskAsync(IImageStorage storage, DiskOpenOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(storage);
        ThrowIfDisposed();
        options ??= new DiskOpenOptions();
        if (storage.IsReadOnly && !options.ReadOnly)
        {
            options = options with { ReadOnly = true };
        }

        Generation generation = await new ChainOpener(_opener, options)
            .OpenAsync<AsyncIo>(storage, storage.Name, folder: null, cancellationToken).ConfigureAwait(false);
        return NewDisk(generation, options);
    }

    /// <summary>Closes the host. Disks that are still open stay usable until they are closed themselves; they are named in the log.</summary>
    public void Dispose()
    {
        string[] open;
        lock (_lock)
        {
            if (_isDisposed)
            {
                return;
            }

            _isDisposed = true;
            open = [.. _openDisks.Values];
        }

        foreach (string path in open)
        {
            _logger.LogWarning("{Path}: the disk was not closed before its host", DisplayText.Escape(path));
        }
    }

    /// <inheritdoc cref="Dispose"/>
    public ValueTask DisposeAsync()
    {
        Dispose();
        return default;
    }

    internal ImageOpener Opener => _opener;

    internal ILogger Logger => _logger;

    internal void Forget(long disk)
    {
        lock (_lock)
        {
            _openDisks.Remove(disk);
        }
    }

    private async ValueTask<VirtualDisk> OpenDiskCore<TIo>(string path, DiskOpenOptions options, CancellationToken cancellationToken)
        where TIo : struct, IIoMode
    {
        ThrowIfDisposed();
        Generation generation = await new ChainOpener(_opener, options).OpenAsync<TIo>(HostPath.GetFull(path), cancellationToken).ConfigureAwait(false);
        return NewDisk(generation, options);
    }

    // Only the path is kept here: a disk that nobody refers to any more shall be found by the garbage collector, and say so.
    private VirtualDisk NewDisk(Generation generation, DiskOpenOptions options)
    {
        long number;
        lock (_lock)
        {
            number = ++_lastDisk;
            _openDisks.Add(number, generation.Levels[0].Path);
        }

        var disk = new VirtualDisk(generation, options, this, number, _logger);
        try
        {
            disk.AttachFilters(options.Filters);
            return disk;
        }
        catch
        {
            disk.Dispose();
            throw;
        }
    }

    private void ThrowIfDisposed() => ObjectDisposedException.ThrowIf(_isDisposed, this);

    private static FileStorage OpenUnlocked(string path) =>
        FileStorage.Open(HostPath.GetFull(path), new FileStorageOptions { ReadOnly = true, Lock = ImageLockMode.None });
}
