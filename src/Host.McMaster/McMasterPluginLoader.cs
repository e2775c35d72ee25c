using System.Reflection;
using System.Runtime.Loader;
using McMaster.NETCore.Plugins;

namespace QedVd.Host.McMaster;

/// <summary>
/// Loads plugins with McMaster.NETCore.Plugins. Put it into <see cref="BackendCatalogOptions.Loader"/>; what is checked before a plugin's code runs,
/// and what is said of it, stays the host's.
/// </summary>
public sealed class McMasterPluginLoader : IPluginLoader
{
    /// <inheritdoc/>
    public IPluginContext Load(PluginLoadRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        var shared = new SharedContext(request.SharedAssemblies);
        var config = new PluginConfig(request.AssemblyPath)
        {
            IsUnloadable = request.IsCollectible,
            DefaultContext = shared,
            // Otherwise everything that a shared assembly refers to, directly or not, is loaded at once.
            IsLazyLoaded = true,
        };
        foreach (AssemblyName name in request.SharedAssemblies.Select(name => new AssemblyName(name)).Where(shared.Has))
        {
            config.SharedAssemblies.Add(name);
        }

        var loader = new global::McMaster.NETCore.Plugins.PluginLoader(config);
        try
        {
            return new Loaded(loader, loader.LoadDefaultAssembly());
        }
        catch
        {
            loader.Dispose();
            throw;
        }
    }

    private sealed class Loaded(global::McMaster.NETCore.Plugins.PluginLoader loader, Assembly assembly) : IPluginContext
    {
        public Assembly MainAssembly => assembly;

        public Assembly LoadReference(AssemblyName name) => loader.LoadAssembly(name);

        public void Dispose() => loader.Dispose();
    }

    /// <summary>
    /// The package asks the default context for a shared assembly with the version that the plugin was compiled against, and takes the plugin's own copy
    /// when that is newer than the host's. Here the version is stripped.
    /// </summary>
    private sealed class SharedContext(IReadOnlyList<string> shared) : AssemblyLoadContext("shared with plugins")
    {
        private readonly AssemblyLoadContext _host = GetLoadContext(typeof(IImageBackend).Assembly) ?? Default;

        public bool Has(AssemblyName name) => Load(name) is not null;

        protected override Assembly? Load(AssemblyName assemblyName)
        {
            if (assemblyName.Name is not { } name || !shared.Contains(name, StringComparer.OrdinalIgnoreCase))
            {
                return null;
            }

            try
            {
                return _host.LoadFromAssemblyName(new AssemblyName(name));
            }
            catch (FileNotFoundException)
            {
                return null;
            }
        }
    }
}
