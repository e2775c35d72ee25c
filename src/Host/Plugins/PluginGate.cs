using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace QedVd.Host;

/// <summary>Everything that is decided about a plugin before any of its code runs.</summary>
internal static class PluginGate
{
    private const string NetCore = ".NETCoreApp";
    private const string NetStandard = ".NETStandard";

    /// <summary>The assemblies whose types cross the border between host and plugin, by simple name; the first is the contract.</summary>
    public static IReadOnlyList<string> SharedAssemblies { get; } =
    [
        "QedVd.Abstractions",
        "Microsoft.Extensions.DependencyInjection.Abstractions",
        "Microsoft.Extensions.Logging.Abstractions",
        "Microsoft.Extensions.Options",
        "Microsoft.Extensions.Primitives",
    ];

    /// <summary>Throws unless the plugin may be loaded.</summary>
    /// <exception cref="PluginRefusedException">It may not; the message is the reason.</exception>
    public static void Check(PluginMetadata plugin)
    {
        CheckFramework(plugin.TargetFramework, Environment.Version);
        if (!plugin.References.Any(reference => reference.Name == SharedAssemblies[0]))
        {
            throw new PluginRefusedException($"it does not refer to {SharedAssemblies[0]}, so it is not a plugin.");
        }

        if (plugin.Backends.Count == 0)
        {
            throw new PluginRefusedException("it declares no backend: an attribute [assembly: ImageBackend(typeof(...), ContractVersion.Major, ContractVersion.Minor)] is missing.");
        }

        foreach (DeclaredBackend backend in plugin.Backends)
        {
            CheckContract(backend.ContractMajor, backend.ContractMinor);
        }

        if (plugin.Backends.Select(backend => backend.Refusal).FirstOrDefault(refusal => refusal is not null) is { } reason)
        {
            throw new PluginRefusedException(reason);
        }
    }

    public static void CheckContract(int major, int minor)
    {
        string versions = $"it was compiled against contract {major}.{minor}, and this host has {ContractVersion.Major}.{ContractVersion.Minor}";
        if (major > ContractVersion.Major || (major == ContractVersion.Major && minor > ContractVersion.Minor))
        {
            throw new PluginRefusedException($"{versions}: update the program, or take an older version of the plugin.");
        }

        if (major != ContractVersion.Major || minor < 0)
        {
            throw new PluginRefusedException($"{versions}: take a newer version of the plugin.");
        }
    }

    public static void CheckFramework(string? framework, Version runtime)
    {
        if (framework is null)
        {
            return;
        }

        FrameworkName name;
        try
        {
            name = new FrameworkName(framework);
        }
        catch (ArgumentException)
        {
            throw new PluginRefusedException($"its target framework '{PluginText.OneLine(framework)}' is not known.");
        }

        bool fits = name.Identifier switch
        {
            NetCore => name.Version <= new Version(runtime.Major, runtime.Minor),
            NetStandard => name.Version <= new Version(2, 1),
            _ => false,
        };
        if (!fits)
        {
            throw new PluginRefusedException($"it was compiled for {PluginText.OneLine(name.Identifier)} {name.Version}, and this program runs on .NET {runtime.Major}.{runtime.Minor}.");
        }
    }

    /// <summary>
    /// The references that are neither the framework's nor beside the plugin nor beside the program: the caller tries to load those, so that a missing
    /// one is said now and not in the middle of some later request.
    /// </summary>
    public static IEnumerable<AssemblyName> UncertainReferences(PluginMetadata plugin, string assemblyPath)
    {
        string[] folders = [RuntimeEnvironment.GetRuntimeDirectory(), Path.GetDirectoryName(assemblyPath)!, AppContext.BaseDirectory];
        return plugin.References.Where(reference =>
            reference.Name != SharedAssemblies[0]
            && !folders.Any(folder => File.Exists(Path.Combine(folder, $"{reference.Name}.dll"))));
    }
}
