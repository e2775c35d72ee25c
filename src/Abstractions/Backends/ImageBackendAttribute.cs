namespace QedVd;

/// <summary>
/// Declares a backend in the metadata of its assembly. The host reads it without running any code of the plugin; there is no manifest file.
/// </summary>
/// <example><c>[assembly: ImageBackend(typeof(MyBackend), ContractVersion.Major, ContractVersion.Minor)]</c></example>
[AttributeUsage(AttributeTargets.Assembly, AllowMultiple = true)]
public sealed class ImageBackendAttribute : Attribute
{
    /// <summary>Declares a backend.</summary>
    /// <param name="backendType">A public class with a public parameterless constructor that implements <see cref="IImageBackend"/>.</param>
    /// <param name="contractMajor">Pass <see cref="ContractVersion.Major"/>: the compiler stores its value.</param>
    /// <param name="contractMinor">Pass <see cref="ContractVersion.Minor"/>.</param>
    public ImageBackendAttribute(Type backendType, int contractMajor, int contractMinor)
    {
        BackendType = backendType;
        ContractMajor = contractMajor;
        ContractMinor = contractMinor;
    }

    /// <summary>The backend's class.</summary>
    public Type BackendType { get; }

    /// <summary>The contract that the plugin was compiled against.</summary>
    public int ContractMajor { get; }

    /// <summary>The contract that the plugin was compiled against.</summary>
    public int ContractMinor { get; }
}
