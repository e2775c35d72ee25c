using System;
using QedVd;
using QedVd.TestPlugins;

[assembly: System.Reflection.AssemblyVersion("1.2.3.0")]
[assembly: ImageBackend(typeof(InternalTypeBackend), ContractVersion.Major, ContractVersion.Minor)]

namespace QedVd.TestPlugins;

internal sealed class InternalTypeBackend() : PlainBackend("internal");
