using System;
using QedVd;
using QedVd.TestPlugins;

[assembly: System.Reflection.AssemblyVersion("1.2.3.0")]
[assembly: ImageBackend(typeof(ShiftyInfoBackend), ContractVersion.Major, ContractVersion.Minor)]

namespace QedVd.TestPlugins;

/// <summary>Says something else each time it is asked.</summary>
public sealed class ShiftyInfoBackend() : PlainBackend("shifty-0")
{
    private int _asked;

    public override BackendInfo Info => base.Info with { Id = $"shifty-{_asked++}" };
}
