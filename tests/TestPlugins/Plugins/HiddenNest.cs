using System;
using QedVd;
using QedVd.TestPlugins;

[assembly: System.Reflection.AssemblyVersion("1.2.3.0")]
[assembly: ImageBackend(typeof(Outer.Inner), ContractVersion.Major, ContractVersion.Minor)]

namespace QedVd.TestPlugins;

internal static class Outer
{
    public sealed class Inner() : PlainBackend("hidden");
}
