namespace QedVd.Host;

/// <summary>The host's own loader: an <see cref="System.Runtime.Loader.AssemblyLoadContext"/> per plugin.</summary>
public sealed class PluginLoader : IPluginLoader
{
    /// <inheritdoc/>
    public IPluginContext Load(PluginLoadRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        var context = new PluginLoadContext(request);
        try
        {
            return new Loaded(context, context.LoadFromAssemblyPath(request.AssemblyPath));
        }
        catch
        {
            context.TryUnload();
            throw;
        }
    }

    private sealed class Loaded(PluginLoadContext context, System.Reflection.Assembly assembly) : IPluginContext
    {
        public System.Reflection.Assembly MainAssembly => assembly;

        public System.Reflection.Assembly LoadReference(System.Reflection.AssemblyName name) => context.LoadFromAssemblyName(name);

        public void Dispose() => context.TryUnload();
    }
}
