using QedVd.TestKit;

namespace QedVd.Architecture.Tests.Mutation;

/// <summary>Some files of one folder whose code is changed in small ways, one at a time, and the unit tests that ought to notice each.</summary>
/// <param name="Project">The folder of the project that is changed.</param>
/// <param name="TestProject">The one that tests it.</param>
/// <param name="Filter">The tests that are asked, as <c>dotnet test --filter</c> has it.</param>
/// <param name="Files">From the root of the repository.</param>
public sealed record MutationPart(string Project, string TestProject, string Filter, IReadOnlyList<string> Files)
{
    // What comes first (building, and finding out which test reaches what) costs minutes whatever is changed; a part should not take hours.
    private const int MaxLines = 1100;

    // The unit layer: tests of seconds. A change that only a search, a crash or QEMU would notice survives.
    private static readonly string[] s_engineTests = ["Tests.Format", "Tests.Tables", "Tests.Allocation", "Tests.Opening", "Tests.Engine", "Tests.Resizing", "MappingTraps", "AllocationTraps"];
    private static readonly string[] s_slowEngineTests = ["Crash", "QemuTests", "Stress", "RandomOp", "FaultLoop", "ResizeFault", "ResizeConcurrency", "MaintenanceHold", "AnyBytes"];
    private static readonly string[] s_chainTests = ["Tests.Chains", "Tests.Rearranging", "Tests.Maintenance", "Tests.References", "Tests.Operations", "Tests.Filters", "Tests.Faults", "Tests.Traps"];
    private static readonly string[] s_slowChainTests =
    [
        "RequestGateTests", "LiveTests", "PushInterruption", "PushMerge", "RandomChain", "CostTests", "PullModel", "ChainModel", "PushCommit", "MergeUp", "QedMaintenance",
        "ConvertFault", "Measure", "SnapshotTests", "LargestChain", "FullVolume",
    ];

    /// <summary>The folders, from the root of the repository; the one that takes longest first.</summary>
    public static IReadOnlyList<string> Folders { get; } = ["src/Host/Chains", "src/Backends.Qed/Format", "src/Backends.Qed/Tables", "src/Backends.Qed/Allocation"];

    /// <summary>The files of a folder, from the root of the repository.</summary>
    public static IReadOnlyList<string> FilesOf(string folder) =>
        [.. Directory.GetFiles(Checkout.PathOf(folder), "*.cs", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Select(file => Path.GetRelativePath(Checkout.Root, file).Replace('\\', '/'))];

    /// <summary>Some files of a folder, in parts.</summary>
    public static IReadOnlyList<MutationPart> Split(string folder, IReadOnlyList<string> files)
    {
        List<MutationPart> parts = [];
        List<string> some = [];
        int lines = 0;
        foreach (string file in files)
        {
            int more = File.ReadLines(Checkout.PathOf(file)).Count();
            if (some.Count > 0 && lines + more > MaxLines)
            {
                parts.Add(Part());
                (some, lines) = ([], 0);
            }

            some.Add(file);
            lines += more;
        }

        return some.Count == 0 ? parts : [.. parts, Part()];

        MutationPart Part() => IsOfHost(folder)
            ? new("src/Host", "tests/Host.Tests", Asking(s_chainTests, s_slowChainTests), some)
            : new("src/Backends.Qed", "tests/Backends.Qed.Tests", Asking(s_engineTests, s_slowEngineTests), some);
    }

    /// <summary>The full path of the project that is changed.</summary>
    public string ProjectFile => Checkout.PathOf(Project, $"QedVd.{Path.GetFileName(Project)}.csproj");

    /// <summary>The full path of the one that tests it.</summary>
    public string TestProjectFile => Checkout.PathOf(TestProject, $"QedVd.{Path.GetFileName(TestProject)}.csproj");

    private static bool IsOfHost(string folder) => folder.StartsWith("src/Host/", StringComparison.Ordinal);

    private static string Asking(string[] some, string[] butNot) =>
        $"({string.Join('|', some.Select(name => $"FullyQualifiedName~{name}"))})&{string.Join('&', butNot.Select(name => $"FullyQualifiedName!~{name}"))}";
}
