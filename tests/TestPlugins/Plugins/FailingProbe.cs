using System;
using QedVd;
using QedVd.TestPlugins;

[assembly: System.Reflection.AssemblyVersion("1.2.3.0")]
[assembly: ImageBackend(typeof(FailingProbeBackend), ContractVersion.Major, ContractVersion.Minor)]

namespace QedVd.TestPlugins;

public sealed class FailingProbeBackend() : PlainBackend("failing-probe")
{
    public override ProbeResult Probe(in ProbeInput input) => throw new IndexOutOfRangeException("at 17");
}
