using System;
using QedVd;
using QedVd.TestPlugins;

[assembly: System.Reflection.AssemblyVersion("1.2.3.0")]
[assembly: ImageBackend(typeof(UnloadingHandlerBackend), ContractVersion.Major, ContractVersion.Minor)]

namespace QedVd.TestPlugins;

/// <summary>Its handler fails while it is unloaded.</summary>
public sealed class UnloadingHandlerBackend : PlainBackend
{
    public UnloadingHandlerBackend()
        : base("unloading-handler") =>
        System.Runtime.Loader.AssemblyLoadContext.GetLoadContext(typeof(UnloadingHandlerBackend).Assembly)!.Unloading += _ => throw new InvalidOperationException("not now");
}
