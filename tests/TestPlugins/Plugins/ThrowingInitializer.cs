using System;
using QedVd;
using QedVd.TestPlugins;

[assembly: System.Reflection.AssemblyVersion("1.2.3.0")]
[assembly: ImageBackend(typeof(ThrowingInitializerBackend), ContractVersion.Major, ContractVersion.Minor)]

namespace QedVd.TestPlugins;

public sealed class ThrowingInitializerBackend : PlainBackend
{
    private static readonly string s_id = Fail();

    public ThrowingInitializerBackend()
        : base(s_id)
    {
    }

    private static string Fail() => throw new FormatException("bad constant");
}
