using System;
using QedVd;
using QedVd.TestPlugins;

[assembly: System.Reflection.AssemblyVersion("1.2.3.0")]
[assembly: ImageBackend(typeof(ImageBackendBase), ContractVersion.Major, ContractVersion.Minor)]

namespace QedVd.TestPlugins;

/// <summary>The attribute names a type that is not the plugin's own.</summary>
public sealed class ForeignTypeBackend() : PlainBackend("foreign");
