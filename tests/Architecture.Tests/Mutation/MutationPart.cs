using QedVd.TestKit;

namespace QedVd.Architecture.Tests.Mutation;

/// <summary>Some files of one folder whose code is changed in small ways, one at a time, and the unit tests that ought to notice each.</summary>
/// <param name="Project">The project that is changed.</param>
/// <param name="TestProject">The one that tests it.</param>
/// <param name="Filter">The tests that are asked, as <c>dotnet test --filter</c> has it.</param>
/// <param name="Files">From the project's folder.</param>
public sealed record MutationPart(string Project, string TestProject, string Filter, IReadOnlyList<string> Files)
{
    // What comes first (building, and finding out which test reaches what) costs minutes whatever is changed; a part should not take hours.
    private const int MaxLines = 1100;

    private const string Mutation = "tests/Architecture.Tests/Mutation";

    // The unit layer: tests of seconds. A change that only a search, a crash or QEMU would notice survives.
    private static readonly string[] s_engineTests = ["Tests.Format", "Tests.Tables", "Tests.Allocation", "Tests.Opening", "Tests.Engine", "Tests.Resizing", "MappingTraps", "AllocationTraps"];
    private static readonly string[] s_slowEngineTests = ["Crash", "QemuTests", "Stress", "RandomOp", "FaultLoop", "ResizeFault", "ResizeConcurrency", "MaintenanceHold", "AnyBytes"];
    private static readonly string[] s_chainTests = ["Tests.Chains", "Tests.Rearranging", "Tests.Maintenance", "Tests.References"];
    private static readonly string[] s_slowChainTests = ["RequestGateTests", "LiveTests", "PushInterruption", "PushMerge", "RandomChain", "CostTests", "PullFault", "PullModel", "ChainModel", "PushCommit", "MergeUp", "QedMaintenance"];

    /// <summary>The folders, from the root of the repository; the one that takes longest first.</summary>
    public static IReadOnlyList<string> Folders { get; } = ["src/Host/Chains", "src/Backends.Qed/Format", "src/Backends.Qed/Tables", "src/Backends.Qed/Allocation"];

    /// <summary>Where the tests of a folder are, and what asks them.</summary>
    public static IReadOnlyList<string> InstrumentsOf(string folder) =>
        IsOfHost(folder) ? ["tests/Host.Tests", "tests/ChainKit", Mutation] : ["tests/Backends.Qed.Tests", "tests/Conformance", Mutation];

    /// <summary>The parts of a folder, in an order that only new or larger files change.</summary>
    public static IReadOnlyList<MutationPart> PartsOf(string folder)
    {
        string project = string.Join('/', folder.Split('/')[..2]);
        List<MutationPart> parts = [];
        List<string> files = [];
        int lines = 0;
        foreach (string file in Directory.GetFiles(Checkout.PathOf(folder), "*.cs", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            int more = File.ReadLines(file).Count();
            if (files.Count > 0 && lines + more > MaxLines)
            {
                parts.Add(Part());
                (files, lines) = ([], 0);
            }

            files.Add(Path.GetRelativePath(Checkout.PathOf(project), file).Replace('\\', '/'));
            lines += more;
        }

        return [.. parts, Part()];

        MutationPart Part() => IsOfHost(folder)
            ? new("QedVd.Host", "tests/Host.Tests", Asking(s_chainTests, s_slowChainTests), files)
            : new("QedVd.Backends.Qed", "tests/Backends.Qed.Tests", Asking(s_engineTests, s_slowEngineTests), files);
    }

    private static bool IsOfHost(string folder) => folder.StartsWith("src/Host/", StringComparison.Ordinal);

    private static string Asking(string[] some, string[] butNot) =>
        $"({string.Join('|', some.Select(name => $"FullyQualifiedName~{name}"))})&{string.Join('&', butNot.Select(name => $"FullyQualifiedName!~{name}"))}";
}
