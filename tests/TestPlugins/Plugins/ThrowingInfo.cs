using System;
using QedVd;
using QedVd.TestPlugins;

[assembly: System.Reflection.AssemblyVersion("1.2.3.0")]
[assembly: ImageBackend(typeof(ThrowingInfoBackend), ContractVersion.Major, ContractVersion.Minor)]

namespace QedVd.TestPlugins;

public sealed class ThrowingInfoBackend() : PlainBackend("throwing-info")
{
    public override BackendInfo Info => throw new InvalidOperationException("who knows");
}
