using System;
using QedVd;
using QedVd.TestPlugins;

[assembly: System.Reflection.AssemblyVersion("1.2.3.0")]
[assembly: ImageBackend(typeof(TwoBackendsBackend), ContractVersion.Major, ContractVersion.Minor)]
[assembly: ImageBackend(typeof(OtherBackend), ContractVersion.Major, ContractVersion.Minor)]

namespace QedVd.TestPlugins;

public sealed class TwoBackendsBackend() : PlainBackend("two-one");

public sealed class OtherBackend() : PlainBackend("two-two");
