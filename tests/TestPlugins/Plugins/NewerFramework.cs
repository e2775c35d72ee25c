using System;
using QedVd;
using QedVd.TestPlugins;

[assembly: System.Reflection.AssemblyVersion("1.2.3.0")]
[assembly: System.Runtime.Versioning.TargetFramework(".NETCoreApp,Version=v99.0")]
[assembly: ImageBackend(typeof(NewerFrameworkBackend), ContractVersion.Major, ContractVersion.Minor)]

namespace QedVd.TestPlugins;

public sealed class NewerFrameworkBackend() : PlainBackend("newer-framework");
