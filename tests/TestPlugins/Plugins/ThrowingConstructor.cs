using System;
using QedVd;
using QedVd.TestPlugins;

[assembly: System.Reflection.AssemblyVersion("1.2.3.0")]
[assembly: ImageBackend(typeof(ThrowingConstructorBackend), ContractVersion.Major, ContractVersion.Minor)]

namespace QedVd.TestPlugins;

public sealed class ThrowingConstructorBackend : PlainBackend
{
    public ThrowingConstructorBackend()
        : base("throwing-constructor") => throw new InvalidOperationException("the constructor\ndoes not want to");
}
