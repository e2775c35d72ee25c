namespace QedVd.Host;

/// <summary>What to load, and how.</summary>
/// <param name="Name">The plugin's name, for the context.</param>
/// <param name="AssemblyPath">The full path of its main assembly.</param>
/// <param name="IsCollectible">Whether it must be possible to unload it.</param>
/// <param name="SharedAssemblies">Simple names of the assemblies whose types cross the border; the first is the contract.</param>
public sealed record PluginLoadRequest(string Name, string AssemblyPath, bool IsCollectible, IReadOnlyList<string> SharedAssemblies);
