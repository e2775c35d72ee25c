using System.Reflection;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests;

public sealed class AssemblyTests
{
    [Fact]
    public void Version_IsTheOneNamedInDirectoryBuildProps()
    {
        var assembly = Assembly.Load("QedVd.Backends.Qed");

        Assert.Equal(Checkout.Version, assembly.GetName().Version);
    }
}
