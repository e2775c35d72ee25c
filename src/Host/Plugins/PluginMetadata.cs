namespace QedVd.Host;

/// <summary>What a plugin's metadata says of it, read without running any of its code.</summary>
/// <param name="AssemblyName">The simple name of the assembly.</param>
/// <param name="AssemblyVersion">Its version.</param>
/// <param name="ModuleVersionId">What the compiler made of this very build.</param>
/// <param name="TargetFramework">The framework that it was compiled for, if it says so.</param>
/// <param name="References">Simple name and version of every assembly that it refers to.</param>
/// <param name="Backends">The backends that it declares.</param>
internal sealed record PluginMetadata(
    string AssemblyName,
    Version AssemblyVersion,
    Guid ModuleVersionId,
    string? TargetFramework,
    IReadOnlyList<System.Reflection.AssemblyName> References,
    IReadOnlyList<DeclaredBackend> Backends)
{
    /// <summary>The contract that it was compiled against; null when it declares nothing.</summary>
    public Version? ContractVersion { get; } = Backends
        .Select(backend => new Version(Math.Max(0, backend.ContractMajor), Math.Max(0, backend.ContractMinor)))
        .Max();
}

/// <summary>One <see cref="ImageBackendAttribute"/> of a plugin.</summary>
/// <param name="TypeName">The full name of the backend's class.</param>
/// <param name="ContractMajor">The contract that the plugin was compiled against.</param>
/// <param name="ContractMinor">The contract that the plugin was compiled against.</param>
/// <param name="Refusal">Why the class cannot be a backend; null when it can.</param>
internal sealed record DeclaredBackend(string TypeName, int ContractMajor, int ContractMinor, string? Refusal = null)
{
    /// <summary>The class's token in the plugin's module; 0 when it cannot be a backend.</summary>
    public int TypeToken { get; init; }
}
