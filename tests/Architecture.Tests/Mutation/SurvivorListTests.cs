using System.Text.Json;
using QedVd.TestKit;

namespace QedVd.Architecture.Tests.Mutation;

public sealed class SurvivorListTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("qedvd-survivors-").FullName;
    private readonly string _path;

    public SurvivorListTests()
    {
        _path = Path.Combine(_root, "list.md");
        Directory.CreateDirectory(Path.Combine(_root, "src"));
        File.WriteAllText(Path.Combine(_root, "src", "a.cs"), "");
        File.WriteAllText(Path.Combine(_root, "src", "b.cs"), "");
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void Verdict_StaysWhileItsChangeIsFoundAgain()
    {
        Survivor one = new("if (a < b)", "if (a <= b)"), other = new("Go();", ";");
        File.WriteAllText(_path, $"# Words\n\n## src/a.cs\n\n- `if (a < b)` -> `if (a <= b)`: same: b is never a\n- `x` -> `y`: speed\n- `Go();` -> `;`: {Survivor.NotLookedAt}\n\n## src/b.cs\n\n- `x` -> `y`: speed\n");
        SurvivorList list = Open();

        // One of them is there twice now: only one of the two has been looked at.
        list.Set("src/a.cs", [other, one, one]);
        list.Set("src/b.cs", []);
        list.Save();

        string[] lines = File.ReadAllLines(_path);
        Assert.Equal(["# Words", "", "## src/a.cs", "", $"- `Go();` -> `;`: {Survivor.NotLookedAt}", "- `if (a < b)` -> `if (a <= b)`: same: b is never a", $"- `if (a < b)` -> `if (a <= b)`: {Survivor.NotLookedAt}"], lines);
        Assert.Equal([other, one with { Verdict = "same: b is never a" }, one], Open().Of("src/a.cs"));
        Assert.Equal(["src/a.cs"], Open().Files);
    }

    [Fact]
    public void Save_LeavesOutFilesThatAreNoMore()
    {
        File.WriteAllText(_path, "# Words\n\n## src/a.cs\n\n- `x` -> `y`: speed\n\n## src/b.cs\n\n- `x` -> `y`: speed\n");
        SurvivorList list = Open();
        File.Delete(Path.Combine(_root, "src", "a.cs"));

        list.Save();

        Assert.Equal(["src/b.cs"], Open().Files);
    }

    [Fact]
    public void LineThatIsNone_IsSaid()
    {
        File.WriteAllText(_path, "# Words\n\n## src/a.cs\n\n- `x` to `y`\n");
        Assert.Contains("- `x` to `y`", Assert.Throws<InvalidDataException>(Open).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Change_IsShownInItsLine()
    {
        Assert.Equal(new Survivor("if (a < b) Go();", "if (a <= b) Go();"), Survivor.Of("x\n    if (a < b) Go();\ny", (2, 9), (2, 14), "a <= b"));
        Survivor block = Survivor.Of("{\n    Go(`x`);\n\n    " + new string('a', 300) + "();\n}", (1, 1), (5, 2), "{}");
        Assert.StartsWith("{ Go('x'); aaa", block.Code, StringComparison.Ordinal);
        Assert.EndsWith("aaa ...", block.Code, StringComparison.Ordinal);
        Survivor longLine = Survivor.Of(new string('x', 200) + " < 1" + new string('y', 200), (1, 201), (1, 205), " <= 1");
        Assert.Equal((longLine.Code.Replace("<", "<=", StringComparison.Ordinal), true), (longLine.Instead, longLine.Code.Length < 140));
        Assert.Equal("{}", block.Instead);
        Assert.Equal(block, Survivor.Parse(block.ToString()));
    }

    [Fact]
    public void Report_CountsWhatWasTried_AndListsWhatWasNotNoticed()
    {
        string file = Checkout.PathOf("src", "a.cs");
        string report = JsonSerializer.Serialize(new
        {
            files = new Dictionary<string, object>
            {
                [file] = new { source = "if (a)\n  Go();\n", mutants = new[] { Mutant("Survived", 2, 3, 8, ";"), Mutant("Killed", 2, 3, 8, ""), Mutant("NoCoverage", 1, 5, 6, "!a"), Mutant("Timeout", 1, 5, 6, "b"), Mutant("CompileError", 1, 5, 6, "c"), Mutant("Ignored", 1, 5, 6, "d") } },
            },
        });

        using JsonDocument document = JsonDocument.Parse(report);
        MutatedFile found = Assert.Single(MutatedFile.Read(document.RootElement));

        Assert.Equal(("src/a.cs", 4), (found.File, found.Mutants));
        Assert.Equal([new Survivor("if (a)", "if (!a)"), new Survivor("Go();", ";")], found.Survivors);

        static object Mutant(string status, int line, int from, int to, string replacement) =>
            new { status, replacement, location = new { start = new { line, column = from }, end = new { line, column = to } } };
    }

    private SurvivorList Open() => new(_path, _root);
}
