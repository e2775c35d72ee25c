using QedVd.TestKit;

namespace QedVd.Cli.Tests.Faults;

/// <summary>A defect that a test plants below the commands of a search that it runs as a process.</summary>
internal static class PlantedFault
{
    /// <summary>The variable that names it.</summary>
    public const string Variable = "QEDVD_PLANTED_DEFECT";

    /// <summary>The backend with the defect that the environment of this process names; without one, as it is.</summary>
    public static IImageBackend FromOutside(IImageBackend backend) =>
        Enum.TryParse(Environment.GetEnvironmentVariable(Variable), out PlantedDefect defect) ? new DefectiveBackend(backend, defect) : backend;
}
