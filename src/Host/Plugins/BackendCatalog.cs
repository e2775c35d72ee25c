using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Logging;

namespace QedVd.Host;

/// <summary>
/// The backends that a program has: registered by itself, or loaded from plugins. A plugin that cannot be used is skipped with a reason; the
/// program goes on.
/// </summary>
/// <remarks>
/// <para>Thread safe. No lock is held while code of a plugin runs.</para>
/// <para>What is handed out is not the backend itself but stands for it: its description is validated, copied and constant, its answers are checked
/// (a violation is <see cref="ImageErrorKind.BackendFault"/>), and it keeps no code of an unloaded plugin in memory.</para>
/// <para>A plugin runs with all rights of the program: load only what you trust.</para>
/// </remarks>
public sealed class BackendCatalog
{
    private static readonly TimeSpan s_idle = TimeSpan.FromSeconds(2);

    private readonly Lock _gate = new();
    private readonly BackendCatalogOptions _options;
    private readonly PluginActivator _activator;
    private readonly List<PluginEntry> _plugins = [];
    private volatile RegisteredBackend[] _backends = [];

    /// <summary>Creates an empty catalogue.</summary>
    public BackendCatalog(BackendCatalogOptions? options = null)
    {
        _options = options ?? new BackendCatalogOptions();
        PluginThread = new PluginThread(_options.Time, _options.PluginCallLimit, _options.AreUnloadable ? TimeSpan.Zero : s_idle);
        _activator = new PluginActivator(_options, PluginThread);
    }

    /// <summary>The registered backends, in the order in which they came. An immutable snapshot.</summary>
    public IReadOnlyList<IImageBackend> Backends => _backends;

    /// <summary>Whether there are plugins that the program has not brought along.</summary>
    internal bool HasForeignPlugins => Array.Exists(_backends, backend => backend.PluginName is not null && !backend.IsOwn);

    /// <summary>Where their code is called that may not return.</summary>
    internal PluginThread PluginThread { get; }

    internal TimeProvider Time => _options.Time;

    /// <summary>Every plugin that was tried, with what became of it. A snapshot.</summary>
    public IReadOnlyList<PluginReport> Plugins
    {
        get
        {
            lock (_gate)
            {
                return [.. _plugins.Select(plugin => plugin.Report)];
            }
        }
    }

    /// <summary>Registers a backend that the program brings along; nothing is loaded.</summary>
    /// <exception cref="ArgumentException">Its description is not valid, or another backend has its id.</exception>
    public void Add(IImageBackend backend)
    {
        ArgumentNullException.ThrowIfNull(backend);
        RegisteredBackend registered;
        try
        {
            registered = new RegisteredBackend(backend, BackendInfoRules.Copy(backend.Info, backend.GetType().FullName ?? backend.GetType().Name), pluginName: null);
        }
        catch (PluginRefusedException exception)
        {
            throw new ArgumentException(exception.Message, nameof(backend));
        }

        string? refusal;
        lock (_gate)
        {
            refusal = FindDuplicate([registered]);
            if (refusal is null)
            {
                _backends = [.. _backends, registered];
            }
        }

        if (refusal is not null)
        {
            throw new ArgumentException(refusal, nameof(backend));
        }
    }

    /// <summary>Registers a backend that the program brings along, for trimmed and ahead-of-time compiled programs too.</summary>
    /// <inheritdoc cref="Add"/>
    public void AddBackend<T>()
        where T : IImageBackend, new() => Add(new T());

    /// <summary>
    /// Loads every plugin of a folder: <c>NAME/NAME.dll</c> below it, in the order of the names. Returns one report for each folder below it; nothing
    /// is thrown for a plugin that cannot be used.
    /// </summary>
    /// <param name="pluginsFolder">The folder; a relative one is meant beside the program (<see cref="AppContext.BaseDirectory"/>).</param>
    /// <exception cref="ImageException">The folder itself does not exist or cannot be read.</exception>
    [RequiresUnreferencedCode("Plugins are loaded at run time. A trimmed program registers its backends with AddBackend<T>().")]
    public IReadOnlyList<PluginReport> LoadFolder(string pluginsFolder)
    {
        ArgumentException.ThrowIfNullOrEmpty(pluginsFolder);
        string folder = Path.GetFullPath(pluginsFolder, AppContext.BaseDirectory);
        string[] folders;
        try
        {
            folders = Directory.GetDirectories(folder);
        }
        catch (DirectoryNotFoundException exception)
        {
            throw new ImageException(ImageErrorKind.NotFound, $"{folder}: there is no such plugins folder.", folder, "load plugins", innerException: exception);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new ImageException(ImageErrorKind.Io, $"{folder}: the plugins folder cannot be read ({PluginText.OneLine(exception.Message)}).", folder, "load plugins", innerException: exception);
        }

        Array.Sort(folders, StringComparer.Ordinal);
        return [.. folders.Select(path => LoadNamed(Path.GetFileName(path), Path.Combine(path, $"{Path.GetFileName(path)}.dll")))];
    }

    /// <summary>Loads one plugin. Returns the report; nothing is thrown for a plugin that cannot be used. One that is loaded from this path already stays as it is.</summary>
    /// <param name="path">The plugin's assembly; a relative path is meant beside the program (<see cref="AppContext.BaseDirectory"/>).</param>
    [RequiresUnreferencedCode("Plugins are loaded at run time. A trimmed program registers its backends with AddBackend<T>().")]
    public PluginReport LoadFile(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        string full = Path.GetFullPath(path, AppContext.BaseDirectory);
        return LoadNamed(Path.GetFileNameWithoutExtension(full), full);
    }

    /// <summary>The backend with this id, or null.</summary>
    public IImageBackend? Find(string id)
    {
        foreach (RegisteredBackend backend in _backends)
        {
            if (backend.Info.Id == id)
            {
                return backend;
            }
        }

        return null;
    }

    /// <summary>The backend with this id.</summary>
    /// <exception cref="ImageException">There is none; the message lists what is registered, and which plugins were refused.</exception>
    public IImageBackend Get(string id)
    {
        if (Find(id) is { } backend)
        {
            return backend;
        }

        RegisteredBackend[] backends = _backends;
        string registered = backends.Length == 0 ? "none" : string.Join(", ", backends.Select(each => each.Info.Id));
        string refused = string.Concat(Plugins.Where(plugin => plugin.State != PluginState.Loaded).Select(plugin => $" Plugin '{plugin.Name}' is not loaded: {plugin.Reason}"));
        throw new ImageException(ImageErrorKind.NotSupported, $"No backend '{PluginText.OneLine(id)}' is registered. Registered: {registered}.{refused}", operation: "find backend");
    }

    /// <summary>Keeps a backend's plugin loaded until the lease is disposed. Taken before an image is opened, disposed after its close.</summary>
    /// <param name="backend">One that this catalogue handed out.</param>
    /// <exception cref="ImageException">Its plugin was unloaded.</exception>
    /// <exception cref="ArgumentException">It is not one of this catalogue.</exception>
    public BackendLease Lease(IImageBackend backend)
    {
        ArgumentNullException.ThrowIfNull(backend);
        if (backend is not RegisteredBackend registered)
        {
            throw new ArgumentException("Not a backend of this catalogue: take one from Backends, Find or Get.", nameof(backend));
        }

        lock (_gate)
        {
            if (!_backends.Contains(registered))
            {
                throw registered.Gone();
            }

            PluginEntry? plugin = _plugins.Find(entry => entry.Backends.Contains(registered));
            if (plugin is null)
            {
                return new BackendLease(backend, release: null);
            }

            plugin.LeaseCount++;
            return new BackendLease(backend, () => Release(plugin));
        }
    }

    /// <summary>
    /// Takes a plugin's backends out of the catalogue and asks the runtime to let go of its code. That it has happened is found out by
    /// <see cref="PluginUnload.IsCompleted"/>.
    /// </summary>
    /// <param name="name">The plugin's name, as in <see cref="PluginReport.Name"/>.</param>
    /// <exception cref="ImageException">No such plugin is loaded, images are open with it, or plugins were not loaded to be unloadable.</exception>
    public PluginUnload Unload(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        PluginUnload unload;
        IPluginContext context;
        lock (_gate)
        {
            PluginEntry plugin = _plugins.Find(entry => entry.IsLoaded && entry.Name == name)
                ?? throw new ImageException(ImageErrorKind.NotFound, $"No plugin '{PluginText.OneLine(name)}' is loaded.", operation: "unload");
            if (plugin.LeaseCount > 0)
            {
                throw new ImageException(ImageErrorKind.InUse, $"Plugin '{name}' is in use by {plugin.LeaseCount} open image(s). Close them first.", plugin.Path, "unload");
            }

            if (!plugin.IsCollectible)
            {
                throw new ImageException(ImageErrorKind.NotSupported, $"Plugin '{name}' was loaded to stay. Set {nameof(BackendCatalogOptions)}.{nameof(BackendCatalogOptions.AreUnloadable)} before loading.", plugin.Path, "unload");
            }

            _backends = [.. _backends.Except(plugin.Backends)];
            (unload, context) = plugin.Leave(_options.Time);
        }

        PluginActivator.TryDispose(context);
        _options.Logger.LogInformation("Plugin {Plugin} was asked to unload", name);
        return unload;
    }

    private PluginReport LoadNamed(string name, string path)
    {
        PluginEntry? entry = FindLoaded(path) ?? RefuseNamesake(name, path);
        if (entry is null)
        {
            entry = File.Exists(path)
                ? _activator.Load(name, path)
                : PluginActivator.Refused(name, path, $"there is no file '{Path.GetFileName(path)}' in its folder; the assembly of a plugin is named like its folder.");
        }

        (PluginEntry result, IPluginContext? discarded) = Register(entry);
        if (discarded is not null)
        {
            PluginActivator.TryDispose(discarded);
        }

        PluginReport report = result.Report;
        if (report.State == PluginState.Loaded)
        {
            _options.Logger.LogInformation("Plugin {Plugin} offers {Backends} ({Path})", name, string.Join(", ", report.Backends.Select(backend => backend.Id)), path);
        }
        else
        {
            _options.Logger.LogWarning("Plugin {Plugin} was skipped: {Reason} ({Path})", name, report.Reason, path);
        }

        return report;
    }

    private PluginEntry? FindLoaded(string path)
    {
        lock (_gate)
        {
            return _plugins.Find(plugin => plugin.IsLoaded && plugin.Path == path);
        }
    }

    private PluginEntry? RefuseNamesake(string name, string path)
    {
        lock (_gate)
        {
            return _plugins.Find(plugin => plugin.IsLoaded && plugin.Name.Equals(name, StringComparison.OrdinalIgnoreCase)) is { } namesake
                ? PluginActivator.Refused(name, path, $"a plugin of this name is loaded already, from '{namesake.Path}'.")
                : null;
        }
    }

    /// <summary>Decides under the lock what a plugin that was just loaded becomes; what lost is handed back, to be disposed outside.</summary>
    private (PluginEntry Entry, IPluginContext? Discarded) Register(PluginEntry entry)
    {
        lock (_gate)
        {
            // Two calls may have loaded the same file at the same time: the first to come here stays.
            PluginEntry? loaded = _plugins.Find(plugin => plugin.IsLoaded && plugin.Path == entry.Path);
            if (loaded is not null)
            {
                return (loaded, loaded != entry && entry.IsLoaded ? entry.Leave(_options.Time).Context : null);
            }

            IPluginContext? discarded = null;
            if (entry.IsLoaded && FindDuplicate(entry.Backends) is { } refusal)
            {
                PluginReport report = entry.Report;
                discarded = entry.Leave(_options.Time).Context;
                entry = new PluginEntry(report with { State = PluginState.Refused, Reason = refusal, Backends = [] });
            }

            // What is said of a path is what became of it last.
            _plugins.RemoveAll(plugin => plugin.Path == entry.Path);
            _plugins.Add(entry);
            _backends = [.. _backends, .. entry.Backends];
            return (entry, discarded);
        }
    }

    private string? FindDuplicate(RegisteredBackend[] candidates)
    {
        for (int i = 0; i < candidates.Length; i++)
        {
            string id = candidates[i].Info.Id;
            RegisteredBackend? holder = _backends.FirstOrDefault(backend => backend.Info.Id == id) ?? candidates.Take(i).FirstOrDefault(backend => backend.Info.Id == id);
            if (holder is not null)
            {
                return holder.PluginName is { } plugin
                    ? $"the backend id '{id}' is taken by the plugin '{plugin}'."
                    : $"the backend id '{id}' is taken by a backend that the program registered.";
            }
        }

        return null;
    }

    private void Release(PluginEntry plugin)
    {
        lock (_gate)
        {
            plugin.LeaseCount--;
        }
    }
}
