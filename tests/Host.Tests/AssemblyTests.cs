using System.Reflection;
using QedVd.TestKit;

namespace QedVd.Host.Tests;

public sealed class AssemblyTests
{
    [Fact]
    public void Version_IsTheOneNamedInDirectoryBuildProps()
    {
        var assembly = Assembly.Load("QedVd.Host");

        Assert.Equal(Checkout.Version, assembly.GetName().Version);
    }
}
