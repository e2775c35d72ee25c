using QedVd.TestKit;

namespace QedVd.Architecture.Tests.Mutation;

/// <summary>Some files of one folder whose code is changed in small ways, one at a time, and the unit tests that ought to notice each.</summary>
/// <param name="Project">The project that is changed.</param>
/// <param name="TestProject">The one that tests it.</param>
/// <param name="Filter">The tests that are asked, as <c>dotnet test --filter</c> has it.</param>
/// <param name="Files">From the project's folder.</param>
public sealed record MutationPart(string Project, string TestProject, string Filter, IReadOnlyList<string> Files)
{
    // What comes first costs minutes whatever is changed; a part should not take hours.
    private const int MaxLines = 600;

    private const string EngineTests = "FullyQualifiedName!~CostTests&FullyQualifiedName!~Interop&FullyQualifiedName!~Traps";
    private const string ChainTests = "FullyQualifiedName~Host.Tests.Chains|FullyQualifiedName~Host.Tests.Rearranging";

    /// <summary>The folders, from the root of the repository.</summary>
    public static IReadOnlyList<string> Folders { get; } = ["src/Backends.Qed/Format", "src/Backends.Qed/Tables", "src/Backends.Qed/Allocation", "src/Host/Chains"];

    /// <summary>Where the tests are that are asked, and what asks them.</summary>
    public static IReadOnlyList<string> Instruments { get; } = ["tests/Backends.Qed.Tests", "tests/Host.Tests", "tests/Conformance", "tests/ChainKit", "tests/Architecture.Tests/Mutation"];

    /// <summary>All parts, in an order that only new or larger files change.</summary>
    public static IReadOnlyList<MutationPart> All { get; } = [.. Folders.SelectMany(PartsOf)];

    private static IEnumerable<MutationPart> PartsOf(string folder)
    {
        string project = string.Join('/', folder.Split('/')[..2]);
        List<string> files = [];
        int lines = 0;
        foreach (string file in Directory.GetFiles(Checkout.PathOf(folder), "*.cs", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            int more = File.ReadLines(file).Count();
            if (files.Count > 0 && lines + more > MaxLines)
            {
                yield return Part();
                (files, lines) = ([], 0);
            }

            files.Add(Path.GetRelativePath(Checkout.PathOf(project), file).Replace('\\', '/'));
            lines += more;
        }

        yield return Part();

        MutationPart Part() => project == "src/Host"
            ? new("QedVd.Host", "tests/Host.Tests", ChainTests, files)
            : new("QedVd.Backends.Qed", "tests/Backends.Qed.Tests", EngineTests, files);
    }
}
