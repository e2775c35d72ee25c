using System;
using QedVd;
using QedVd.TestPlugins;

[assembly: System.Reflection.AssemblyVersion("1.2.3.0")]
[assembly: ImageBackend(typeof(StructTypeBackend), ContractVersion.Major, ContractVersion.Minor)]

namespace QedVd.TestPlugins;

public struct StructTypeBackend;
