using System.Reflection;
using System.Runtime.Loader;

namespace QedVd.Host;

/// <summary>Where one plugin lives: shared assemblies from the host, the rest from its folder, then from the host.</summary>
internal sealed class PluginLoadContext : AssemblyLoadContext
{
    private readonly AssemblyDependencyResolver _resolver;
    private readonly HashSet<string> _shared;
    private readonly string _folder;

    public PluginLoadContext(PluginLoadRequest request)
        : base($"plugin {request.Name}", request.IsCollectible)
    {
        _resolver = new AssemblyDependencyResolver(request.AssemblyPath);
        _shared = new HashSet<string>(request.SharedAssemblies, StringComparer.OrdinalIgnoreCase);
        _folder = Path.GetDirectoryName(request.AssemblyPath)!;
    }

    public void TryUnload()
    {
        if (IsCollectible)
        {
            Unload();
        }
    }

    protected override Assembly? Load(AssemblyName assemblyName)
    {
        if (assemblyName.Name is { } name && _shared.Contains(name) && FromHost(name) is { } shared)
        {
            return shared;
        }

        string? path = _resolver.ResolveAssemblyToPath(assemblyName);
        return path is null ? null : LoadFromAssemblyPath(path);
    }

    protected override nint LoadUnmanagedDll(string unmanagedDllName)
    {
        string? path = _resolver.ResolveUnmanagedDllToPath(unmanagedDllName) ?? FindBeside(unmanagedDllName);
        return path is null ? 0 : LoadUnmanagedDllFromPath(path);
    }

    /// <summary>
    /// The version is stripped: whatever the plugin was compiled against, there is one copy in the process. A shared assembly that the host
    /// does not have is the plugin's own affair.
    /// </summary>
    private static Assembly? FromHost(string name)
    {
        Assembly contract = typeof(IImageBackend).Assembly;
        if (name.Equals(contract.GetName().Name, StringComparison.OrdinalIgnoreCase))
        {
            return contract;
        }

        try
        {
            return (GetLoadContext(contract) ?? Default).LoadFromAssemblyName(new AssemblyName(name));
        }
        catch (FileNotFoundException)
        {
            return null;
        }
    }

    /// <summary>The resolver knows native libraries of a .deps.json; a folder without one holds them beside the plugin.</summary>
    private string? FindBeside(string name)
    {
        if (name != Path.GetFileName(name))
        {
            return null;
        }

        string[] candidates = OperatingSystem.IsWindows() ? [name, $"{name}.dll"]
            : OperatingSystem.IsMacOS() ? [name, $"lib{name}.dylib", $"{name}.dylib"]
            : [name, $"lib{name}.so", $"{name}.so"];
        return candidates.Select(candidate => Path.Combine(_folder, candidate)).FirstOrDefault(File.Exists);
    }
}
