using System.Reflection;
using QedVd.TestKit;

namespace QedVd.Backends.Raw.Tests;

public sealed class AssemblyTests
{
    [Fact]
    public void Version_IsTheOneNamedInDirectoryBuildProps()
    {
        var assembly = Assembly.Load("QedVd.Backends.Raw");

        Assert.Equal(Checkout.Version, assembly.GetName().Version);
    }
}
