using System;
using QedVd;
using QedVd.TestPlugins;

[assembly: System.Reflection.AssemblyVersion("1.2.3.0")]
[assembly: ImageBackend(typeof(NewerMinorBackend), ContractVersion.Major, ContractVersion.Minor + 1)]

namespace QedVd.TestPlugins;

public sealed class NewerMinorBackend() : PlainBackend("newer-minor");
