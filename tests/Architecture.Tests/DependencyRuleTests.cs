using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Xml.Linq;
using QedVd.TestKit;

namespace QedVd.Architecture.Tests;

/// <summary>Abstractions &lt;- Backends.*; Abstractions &lt;- Host &lt;- Cli. Read from what was built and from the project files.</summary>
public sealed class DependencyRuleTests
{
    private const string Contract = "QedVd.Abstractions";

    /// <summary>Which assemblies of ours each project may reference. A backend that is added to src/ falls under the rule for all backends.</summary>
    private static string[] AllowedReferences(string project) => project switch
    {
        Contract => [],
        "QedVd.Host" => [Contract],
        "QedVd.Host.McMaster" => [Contract, "QedVd.Host"],
        "QedVd.Cli" => [Contract, "QedVd.Host"],
        _ when IsBackend(project) => [Contract],
        _ => throw new InvalidOperationException($"{project} has no dependency rule. Give it one here, and in ARCHITECTURE.md."),
    };

    private static bool IsBackend(string project) => project.StartsWith("QedVd.Backends.", StringComparison.Ordinal);

    public static TheoryData<string> Projects => [.. SourceProjects.InSolution.Select(project => project.Name)];

    public static TheoryData<string> ContractAndBackends =>
        [.. SourceProjects.InSolution.Select(project => project.Name).Where(name => name == Contract || IsBackend(name))];

    [Theory]
    [MemberData(nameof(Projects))]
    public void BuiltAssembly_ReferencesOnlyWhatTheRuleAllows(string project)
    {
        string[] ours = [.. ReferencesOf(project).Where(IsOurs).Except(AllowedReferences(project))];

        Assert.True(ours.Length == 0, $"{project} references {string.Join(", ", ours)}; the rule allows [{string.Join(", ", AllowedReferences(project))}].");
    }

    [Theory]
    [MemberData(nameof(ContractAndBackends))]
    public void ContractOrBackend_ReferencesNothingButTheFramework(string project)
    {
        string[] others = [.. ReferencesOf(project).Where(name => !IsOurs(name) && !IsFramework(name))];

        Assert.True(others.Length == 0, $"{project} references {string.Join(", ", others)}, which is not part of the framework.");
    }

    [Theory]
    [MemberData(nameof(Projects))]
    public void ProjectFile_ReferencesOnlyWhatTheRuleAllows(string project)
    {
        XDocument file = SourceProjects.Load(project);

        string[] references = [.. Included(file, "ProjectReference").Select(path => Path.GetFileNameWithoutExtension(path))];
        string[] forbidden = [.. references.Except(AllowedReferences(project))];
        Assert.True(forbidden.Length == 0, $"{project}.csproj references {string.Join(", ", forbidden)}.");

        if (project == Contract || IsBackend(project))
        {
            Assert.Empty(Included(file, "PackageReference"));
            Assert.Empty(Included(file, "Reference"));
            Assert.Empty(Included(file, "FrameworkReference"));
        }
    }

    [Fact]
    public void OnlyTheCommandLine_BuildsPlugins()
    {
        string[] builders = [.. SourceProjects.InSolution.Where(project => Included(SourceProjects.Load(project.Name), "PluginProject").Any()).Select(project => project.Name)];

        Assert.Equal(["QedVd.Cli"], builders);
    }

    [Fact]
    public void Rule_CoversTheWholeOfSrc()
    {
        string[] names = [.. SourceProjects.InSolution.Select(project => project.Name)];

        Assert.Superset(new HashSet<string>(["QedVd.Abstractions", "QedVd.Backends.Qed", "QedVd.Backends.Raw", "QedVd.Host", "QedVd.Cli"]), names.ToHashSet());
    }

    private static IEnumerable<string> Included(XDocument project, string item) =>
        project.Descendants(item).Select(element => (string?)element.Attribute("Include")).OfType<string>().Select(path => path.Replace('\\', '/'));

    private static bool IsOurs(string assembly) => assembly.StartsWith("QedVd.", StringComparison.Ordinal);

    private static bool IsFramework(string assembly) =>
        File.Exists(Path.Combine(Path.GetDirectoryName(typeof(object).Assembly.Location)!, assembly + ".dll"));

    private static string[] ReferencesOf(string project)
    {
        using FileStream stream = File.OpenRead(Path.Combine(Checkout.OutputOf(project), project + ".dll"));
        using var image = new PEReader(stream);
        MetadataReader metadata = image.GetMetadataReader();
        return [.. metadata.AssemblyReferences.Select(handle => metadata.GetString(metadata.GetAssemblyReference(handle).Name))];
    }
}
