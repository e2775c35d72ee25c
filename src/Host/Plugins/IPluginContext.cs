using System.Reflection;

namespace QedVd.Host;

/// <summary>A loaded plugin. Disposing asks the runtime to unload it, where it is collectible, and returns at once.</summary>
public interface IPluginContext : IDisposable
{
    /// <summary>The plugin's main assembly.</summary>
    Assembly MainAssembly { get; }

    /// <summary>Loads an assembly that the plugin refers to, as the plugin itself would. Runs no code of it.</summary>
    Assembly LoadReference(AssemblyName name);
}
