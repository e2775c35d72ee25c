using System;
using QedVd;
using QedVd.TestPlugins;

[assembly: System.Reflection.AssemblyVersion("1.2.3.0")]
[assembly: ImageBackend(typeof(NullInfoBackend), ContractVersion.Major, ContractVersion.Minor)]

namespace QedVd.TestPlugins;

public sealed class NullInfoBackend() : PlainBackend("null-info")
{
    public override BackendInfo Info => null!;
}
