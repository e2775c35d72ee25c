namespace QedVd.Host;

/// <summary>
/// How an assembly gets into the process, once its metadata was found acceptable. The host's own loader is <see cref="PluginLoader"/>;
/// a program may put another in its place (<see cref="BackendCatalogOptions.Loader"/>).
/// </summary>
public interface IPluginLoader
{
    /// <summary>
    /// Loads the plugin into a context of its own. <see cref="PluginLoadRequest.SharedAssemblies"/> come from the host whatever the plugin ships,
    /// found by simple name with the version ignored; everything else comes from the plugin's folder first, native libraries too.
    /// Runs no code of the plugin.
    /// </summary>
    /// <exception cref="Exception">Anything that the runtime throws for an assembly that does not load; the catalogue makes a reason of it.</exception>
    IPluginContext Load(PluginLoadRequest request);
}
