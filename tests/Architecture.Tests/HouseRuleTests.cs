using System.Reflection;
using System.Text.RegularExpressions;
using QedVd.TestKit;

namespace QedVd.Architecture.Tests;

/// <summary>Rules about the files of the repository.</summary>
public sealed partial class HouseRuleTests
{
    private const int LongestSourceFileLines = 400;

    [Fact]
    public async Task SourceFile_IsNotLongerThanTheLimit()
    {
        string[] tooLong = [.. (await SourceFilesAsync())
            .Select(file => (File: file, Lines: File.ReadLines(Checkout.PathOf(file)).Count()))
            .Where(row => row.Lines > LongestSourceFileLines)
            .Select(row => $"{row.File}: {row.Lines} lines")];

        Assert.True(tooLong.Length == 0, $"Over {LongestSourceFileLines} lines, so asking to be split:\n{string.Join('\n', tooLong)}");
    }

    [Fact]
    public async Task PublicType_IsAloneInAFileOfItsName()
    {
        List<string> findings = [];
        foreach (string file in await SourceFilesAsync())
        {
            string[] types = [.. PublicType().Matches(await File.ReadAllTextAsync(Checkout.PathOf(file))).Select(match => match.Groups["name"].Value).Distinct()];
            // Type.cs, Type.Part.cs for a part of it, and Type{T}.cs where Type.cs is taken.
            string name = Path.GetFileName(file).Split('.', '{')[0];
            if (types.Length > 1)
            {
                findings.Add($"{file}: holds {string.Join(", ", types)}");
            }
            else if (types.Length == 1 && types[0] != name)
            {
                findings.Add($"{file}: holds {types[0]}");
            }
        }

        Assert.True(findings.Count == 0, $"One public type per file, named like it:\n{string.Join('\n', findings)}");
    }

    /// <summary>The rule above reads text; this makes sure that no public type escapes its eye (a namespace block, an odd layout).</summary>
    [Fact]
    public async Task PublicType_OfEveryLibrary_IsSeenByTheRuleAbove()
    {
        HashSet<string> seen = [];
        foreach (string file in await SourceFilesAsync())
        {
            seen.UnionWith(PublicType().Matches(await File.ReadAllTextAsync(Checkout.PathOf(file))).Select(match => match.Groups["name"].Value));
        }

        string[] missed = [.. SourceProjects.Libraries
            .SelectMany(library => Assembly.Load(library).GetExportedTypes())
            .Where(type => !type.IsNested)
            .Select(type => type.Name.Split('`')[0])
            .Where(name => !seen.Contains(name))];

        Assert.True(missed.Length == 0, $"No source file declares these at the start of a line: {string.Join(", ", missed)}");
    }

    [Fact]
    public async Task TrackedFile_NamesNoPathOfOneMachine_AndNoRegistryHost()
    {
        // Put together here, so that this file does not find itself.
        string[] forbidden =
        [
            "/wo" + "rk/", "/fa" + "rm/", "/ro" + "ot/", "/tmp/res" + "earch", "/tmp/ba" + "sh_jobs", @"C:\Us" + @"ers\",
            "api.nu" + "get.org", "deb.deb" + "ian.org", "registry.np" + "mjs.org",
        ];

        List<string> findings = [];
        foreach (string file in await TrackedFilesAsync())
        {
            int line = 0;
            await foreach (string text in File.ReadLinesAsync(Checkout.PathOf(file)))
            {
                line++;
                findings.AddRange(forbidden.Where(word => text.Contains(word, StringComparison.OrdinalIgnoreCase)).Select(word => $"{file}:{line}: {word}"));
            }
        }

        Assert.True(findings.Count == 0, $"Paths of one machine or registry hosts:\n{string.Join('\n', findings)}");
    }

    private static async Task<string[]> SourceFilesAsync()
    {
        string[] files = [.. (await TrackedFilesAsync()).Where(file => file.StartsWith("src/", StringComparison.Ordinal) && file.EndsWith(".cs", StringComparison.Ordinal))];
        Assert.NotEmpty(files);
        return files;
    }

    /// <summary>What git tracks, and what it would track if it were added: a rule should speak before the commit.</summary>
    private static async Task<string[]> TrackedFilesAsync()
    {
        ToolRun run = await ToolRun.RunAsync(Peers.Require("git"), ["-C", Checkout.Root, "-c", "core.quotePath=false", "ls-files", "--cached", "--others", "--exclude-standard"]);
        run.ShouldExitWith(0);
        return [.. run.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Distinct().Where(file => File.Exists(Checkout.PathOf(file)))];
    }

    [GeneratedRegex("""^public\s+(?:(?:abstract|sealed|static|partial|readonly|ref|unsafe|file)\s+)*(?:class|struct|interface|enum|record\s+struct|record\s+class|record|delegate\s[^;(]*?(?=\s\w+(?:<[\w, ]+>)?\())\s+(?<name>\w+)""", RegexOptions.Multiline)]
    private static partial Regex PublicType();
}
