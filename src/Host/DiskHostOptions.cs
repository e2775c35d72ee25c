namespace QedVd.Host;

/// <summary>How a <see cref="DiskHost"/> is set up. Read once, when the host is made.</summary>
public sealed class DiskHostOptions
{
    /// <summary>Folders that hold one folder per plugin (<c>plugins/Name/Name.dll</c>); relative ones start at the application's folder.</summary>
    public IList<string> PluginFolders { get; } = [];

    /// <summary>Whether the folder <c>plugins</c> beside the application is looked through too. A missing one is no error.</summary>
    public bool LoadDefaultPlugins { get; set; } = true;

    /// <summary>What gets the assemblies of plugins into the process.</summary>
    public IPluginLoader PluginLoader { get; set; } = new PluginLoader();

    /// <summary>Whether plugins are loaded so that they can be unloaded.</summary>
    public bool ArePluginsUnloadable { get; set; }

    /// <summary>As <see cref="BackendCatalogOptions.PluginCallLimit"/>.</summary>
    public TimeSpan PluginCallLimit { get; set; } = new BackendCatalogOptions().PluginCallLimit;

    /// <summary>Backends that are registered without loading anything: for trimmed and ahead-of-time compiled programs.</summary>
    public IList<IImageBackend> Backends { get; } = [];

    /// <summary>Memory for the tables of all images of this host, in bytes.</summary>
    public long TableBudgetBytes { get; set; } = TablePool.DefaultBudgetBytes;

    /// <summary>The clock for everything that happens after a while.</summary>
    public TimeProvider Time { get; set; } = TimeProvider.System;

    /// <summary>Registers a backend without loading a plugin. Returns these options.</summary>
    public DiskHostOptions AddBackend<TBackend>()
        where TBackend : IImageBackend, new()
    {
        Backends.Add(new TBackend());
        return this;
    }
}
