using System.Reflection;
using QedVd.TestKit;

namespace QedVd.Abstractions.Tests;

public sealed class AssemblyTests
{
    [Fact]
    public void Version_IsTheOneNamedInDirectoryBuildProps()
    {
        var assembly = Assembly.Load("QedVd.Abstractions");

        Assert.Equal(Checkout.Version, assembly.GetName().Version);
    }
}
