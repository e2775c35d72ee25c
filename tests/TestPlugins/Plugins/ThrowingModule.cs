using System;
using QedVd;
using QedVd.TestPlugins;

[assembly: System.Reflection.AssemblyVersion("1.2.3.0")]
[assembly: ImageBackend(typeof(ThrowingModuleBackend), ContractVersion.Major, ContractVersion.Minor)]

namespace QedVd.TestPlugins;

public sealed class ThrowingModuleBackend() : PlainBackend("throwing-module");

internal static class Module
{
#pragma warning disable CA2255 // this is what is tested
    [System.Runtime.CompilerServices.ModuleInitializer]
    public static void Fail() => throw new NotSupportedException("not on a Sunday");
#pragma warning restore CA2255
}
