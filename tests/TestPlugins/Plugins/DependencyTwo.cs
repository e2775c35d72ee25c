using System;
using QedVd;
using QedVd.TestPlugins;

[assembly: System.Reflection.AssemblyVersion("1.2.3.0")]
[assembly: ImageBackend(typeof(DependencyTwoBackend), ContractVersion.Major, ContractVersion.Minor)]

namespace QedVd.TestPlugins;

public sealed class DependencyTwoBackend() : PlainBackend("dependency-two")
{
    public override BackendInfo Info => base.Info with { DisplayName = QedVd.TestDependency.Dependency.Which };
}
