[assembly: System.Reflection.AssemblyVersion("2.0.0.0")]

namespace QedVd.TestDependency;

public static class Dependency
{
    public static string Which => "dependency two";
}
