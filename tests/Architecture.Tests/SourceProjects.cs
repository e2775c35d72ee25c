using System.Text.RegularExpressions;
using System.Xml.Linq;
using QedVd.TestKit;

namespace QedVd.Architecture.Tests;

/// <summary>The projects below src/ that <c>QedVd.sln</c> holds.</summary>
internal static partial class SourceProjects
{
    /// <summary>All of them, by name. A project outside the solution (an adapter that not everyone can build) is not built here, so not examined here.</summary>
    public static IReadOnlyList<(string Name, string Path)> InSolution { get; } = Find();

    /// <summary>The ones with a public surface: every project but the program.</summary>
    public static IEnumerable<string> Libraries => InSolution.Select(project => project.Name).Where(name => name != "QedVd.Cli");

    public static XDocument Load(string name) => XDocument.Load(InSolution.Single(project => project.Name == name).Path);

    private static (string Name, string Path)[] Find()
    {
        string solution = File.ReadAllText(Checkout.PathOf("QedVd.sln"));
        return [.. ProjectLine().Matches(solution)
            .Select(match => match.Groups["path"].Value.Replace('\\', '/'))
            .Where(path => path.StartsWith("src/", StringComparison.Ordinal))
            .Select(path => (Path.GetFileNameWithoutExtension(path), Checkout.PathOf(path)))
            .Order()];
    }

    [GeneratedRegex("""^Project\(.*\) = "[^"]+", "(?<path>[^"]+\.csproj)",""", RegexOptions.Multiline)]
    private static partial Regex ProjectLine();
}
