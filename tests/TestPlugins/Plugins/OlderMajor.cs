using System;
using QedVd;
using QedVd.TestPlugins;

[assembly: System.Reflection.AssemblyVersion("1.2.3.0")]
[assembly: ImageBackend(typeof(OlderMajorBackend), ContractVersion.Major - 1, 9)]

namespace QedVd.TestPlugins;

public sealed class OlderMajorBackend() : PlainBackend("older-major");
