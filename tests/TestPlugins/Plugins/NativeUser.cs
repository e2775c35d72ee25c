using System;
using QedVd;
using QedVd.TestPlugins;

[assembly: System.Reflection.AssemblyVersion("1.2.3.0")]
[assembly: ImageBackend(typeof(NativeUserBackend), ContractVersion.Major, ContractVersion.Minor)]

namespace QedVd.TestPlugins;

/// <summary>Calls a native library that lies in its folder.</summary>
public sealed class NativeUserBackend() : PlainBackend("native-user")
{
    public override BackendInfo Info => base.Info with { DisplayName = $"process {GetPid()}" };

    [System.Runtime.InteropServices.DllImport("qedvdtestnative", EntryPoint = "SystemNative_GetPid")]
    private static extern int GetPid();
}
