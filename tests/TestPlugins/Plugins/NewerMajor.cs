using System;
using QedVd;
using QedVd.TestPlugins;

[assembly: System.Reflection.AssemblyVersion("1.2.3.0")]
[assembly: ImageBackend(typeof(NewerMajorBackend), ContractVersion.Major + 1, 0)]

namespace QedVd.TestPlugins;

public sealed class NewerMajorBackend() : PlainBackend("newer-major");
