namespace QedVd.Architecture.Tests.Mutation;

public sealed class MutantReportTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("qedvd-mutants-").FullName;

    public MutantReportTests()
    {
        Directory.CreateDirectory(Path.Combine(_root, "src", "b"));
        Write("src/a.cs", "one");
        Write("src/b/c.cs", "two");
        Write("report.md", "# Words\n\n| folder | mutants | noticed | share |\n|---|---:|---:|---:|\n\n| file | mutants | survived | commit | content |\n|---|---:|---:|---|---|\n");
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void Row_HoldsUntilItsFileChanges_AlsoWhenReadAgain()
    {
        MutantReport report = Open();
        Assert.False(report.Holds("src/a.cs"));
        Set(report, "src/a.cs", 8, 2);
        Set(report, "src/b/c.cs", 12, 0);
        report.Save(["src", "src/b", "elsewhere"]);

        report = Open();

        Assert.True(report.Holds("src/a.cs"));
        Assert.True(report.MayBeBetter("src/a.cs", "c2"));
        Assert.Equal(2, report.SurvivorsOf("src/a.cs"));
        Assert.Equal(0, report.SurvivorsOf("src/b/c.cs"));
        Assert.Equal(0, report.SurvivorsOf("src/none.cs"));
        Assert.False(report.MayBeBetter("src/a.cs", "c1"));
        Assert.False(report.MayBeBetter("src/b/c.cs", "c2"));
        Write("src/a.cs", "other");
        Assert.False(report.Holds("src/a.cs"));
        Assert.True(report.Holds("src/b/c.cs"));
        string[] lines = File.ReadAllLines(Path.Combine(_root, "report.md"));
        Assert.Equal("# Words", lines[0]);
        Assert.Contains("| src | 20 | 18 | 90.0 % |", lines);
        Assert.Contains("| src/b | 12 | 12 | 100.0 % |", lines);
        Assert.Contains("| elsewhere | 0 | 0 | 0.0 % |", lines);
    }

    [Fact]
    public void Save_LeavesOutFilesThatAreNoMore()
    {
        MutantReport report = Open();
        Set(report, "src/a.cs", 8, 2);
        Set(report, "src/b/c.cs", 12, 3);
        File.Delete(Path.Combine(_root, "src/b/c.cs"));

        report.Save(["src"]);

        string text = File.ReadAllText(Path.Combine(_root, "report.md"));
        Assert.DoesNotContain("c.cs", text, StringComparison.Ordinal);
        Assert.Contains("| src | 8 | 6 | 75.0 % |", text, StringComparison.Ordinal);
    }

    private MutantReport Open() => new(Path.Combine(_root, "report.md"), _root);

    private static void Set(MutantReport report, string file, int mutants, int survived) => report.Set(file, mutants, survived, "c1", report.ContentOf(file));

    private void Write(string name, string text) => File.WriteAllText(Path.Combine(_root, name), text);
}
