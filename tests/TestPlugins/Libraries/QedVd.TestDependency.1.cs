[assembly: System.Reflection.AssemblyVersion("1.0.0.0")]

namespace QedVd.TestDependency;

public static class Dependency
{
    public static string Which => "dependency one";
}
