using System;
using QedVd;
using QedVd.TestPlugins;

[assembly: System.Reflection.AssemblyVersion("1.2.3.0")]
[assembly: ImageBackend(typeof(NoDefaultConstructorBackend), ContractVersion.Major, ContractVersion.Minor)]

namespace QedVd.TestPlugins;

public sealed class NoDefaultConstructorBackend : PlainBackend
{
    public NoDefaultConstructorBackend(string id)
        : base(id)
    {
    }

    private NoDefaultConstructorBackend()
        : base("no-default")
    {
    }
}
