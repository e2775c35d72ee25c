namespace QedVd;

/// <summary>
/// The version of this contract. A plugin bakes it into its <see cref="ImageBackendAttribute"/> when it is compiled;
/// the host reads it from the plugin's metadata before any of the plugin's code runs.
/// </summary>
/// <remarks>
/// A host accepts a plugin with the same <see cref="Major"/> and a <see cref="Minor"/> that is not newer than its own:
/// minor versions only add members that have default implementations.
/// </remarks>
public static class ContractVersion
{
    /// <summary>Changes when an existing plugin would no longer work.</summary>
    public const int Major = 1;

    /// <summary>Changes when something was added.</summary>
    public const int Minor = 0;
}
