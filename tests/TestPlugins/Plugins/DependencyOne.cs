using System;
using QedVd;
using QedVd.TestPlugins;

[assembly: System.Reflection.AssemblyVersion("1.2.3.0")]
[assembly: ImageBackend(typeof(DependencyOneBackend), ContractVersion.Major, ContractVersion.Minor)]

namespace QedVd.TestPlugins;

public sealed class DependencyOneBackend() : PlainBackend("dependency-one")
{
    public override BackendInfo Info => base.Info with { DisplayName = QedVd.TestDependency.Dependency.Which };
}
