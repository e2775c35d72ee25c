using System;
using QedVd;
using QedVd.TestPlugins;

[assembly: System.Reflection.AssemblyVersion("1.2.3.0")]

namespace QedVd.TestPlugins;

public sealed class NoAttributeBackend() : PlainBackend("no-attribute");
