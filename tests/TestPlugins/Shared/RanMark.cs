using System;
using System.Runtime.CompilerServices;

namespace QedVd.TestPlugins;

/// <summary>Tells the tests that code of this assembly ran.</summary>
internal static class RanMark
{
#pragma warning disable CA2255 // a plugin, not a library
    [ModuleInitializer]
    internal static void Set() => AppContext.SetData($"ran {typeof(RanMark).Assembly.GetName().Name}", "yes");
#pragma warning restore CA2255
}
