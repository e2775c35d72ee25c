using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using QedVd.TestKit;

namespace QedVd.Architecture.Tests;

/// <summary>
/// Every trap of <see cref="TrapList"/> has a test that would fail if ours had it. Read from the sources of all test projects, so that it does not
/// matter which of them were built; <c>tests/TRAPS.md</c> is made from it by <c>./test --accept-api</c>.
/// </summary>
public sealed partial class TrapTests
{
    private static bool Accepting => Environment.GetEnvironmentVariable("QEDVD_ACCEPT_API") == "1";

    [Fact]
    public void EveryTrap_HasATest_OrAReasonWhyNotYet()
    {
        ILookup<string, string> tests = Find();

        string[] open = [.. TrapList.All.Where(trap => !tests.Contains(trap.Id) && trap.Pending is null).Select(trap => trap.Id)];
        Assert.True(open.Length == 0, $"No test is marked [Trap] for {string.Join(", ", open)}.");
        string[] done = [.. TrapList.All.Where(trap => tests.Contains(trap.Id) && trap.Pending is not null).Select(trap => trap.Id)];
        Assert.True(done.Length == 0, $"Tests are there for what the list calls pending: {string.Join(", ", done)}.");
        Assert.Equal(Enumerable.Range(1, 53).Select(number => $"D{number:00}"), TrapList.All.Select(trap => trap.Id));
        Assert.Empty(tests.Select(group => group.Key).Except(TrapList.All.Select(trap => trap.Id)));
    }

    [Fact]
    public void Table_NamesTheTestsOfEveryTrap()
    {
        string file = Checkout.PathOf("tests", "TRAPS.md");
        string actual = Render(Find());
        if (Accepting)
        {
            File.WriteAllText(file, actual);
            return;
        }

        string expected = File.Exists(file) ? File.ReadAllText(file).ReplaceLineEndings("\n") : "";
        Assert.True(expected == actual, $"tests/TRAPS.md is not what the tests say (- committed, + now):\n\n{LineDiff.Between(expected, actual)}\n\nTo renew it: ./test --accept-api, then read the change with git diff.");
    }

    private static string Render(ILookup<string, string> tests)
    {
        StringBuilder text = new();
        text.Append("# Traps\n\n");
        text.Append("What went wrong in another QED implementation or in its host, and the tests here that would fail if ours did the same. Made from the\n");
        text.Append("`[Trap]` attributes and `tests/Architecture.Tests/TrapList.cs` by `./test --accept-api`; a test fails when it is out of date.\n\n");
        text.Append("| trap | what went wrong there | tests |\n|---|---|---|\n");
        foreach (Trap trap in TrapList.All)
        {
            string names = string.Join("<br>", tests[trap.Id].Order(StringComparer.Ordinal).Select(name => $"`{name}`"));
            text.Append(CultureInfo.InvariantCulture, $"| {trap.Id} | {trap.Text} | {(trap.Pending is null ? names : $"pending: {trap.Pending}")} |\n");
        }

        return text.ToString();
    }

    /// <summary>Trap to tests. A test that is marked must be one that runs: the attribute stands among [Fact] or [Theory], with nothing skipped.</summary>
    private static ILookup<string, string> Find()
    {
        List<(string Id, string Test)> found = [];
        foreach (string file in Directory.GetFiles(Checkout.PathOf("tests"), "*.cs", SearchOption.AllDirectories))
        {
            string source = File.ReadAllText(file).ReplaceLineEndings("\n");
            MatchCollection marked = MarkedTest().Matches(source);
            Assert.True(marked.Count == Mark().Count(source), $"{file}: a [Trap] that stands where it is not found; put it among the attributes of a public test.");
            foreach (Match match in marked)
            {
                string attributes = match.Groups["attributes"].Value;
                string name = $"{TypeName().Match(source).Groups["name"].Value}.{match.Groups["method"].Value}";
                Assert.True(attributes.Contains("[Fact", StringComparison.Ordinal) || attributes.Contains("[Theory", StringComparison.Ordinal), $"{name} is marked [Trap] and is no test.");
                Assert.DoesNotContain("Skip =", attributes, StringComparison.Ordinal);
                foreach (Match id in TrapId().Matches(match.Groups["traps"].Value))
                {
                    found.Add((id.Value, name));
                }
            }
        }

        return found.ToLookup(row => row.Id, row => row.Test);
    }

    [GeneratedRegex("""(?<attributes>(?:^    \[[^\n]*\n)*?^    \[Trap\((?<traps>[^\n]*)\)\]\n(?:^    \[[^\n]*\n)*)^    public (?:async )?(?:void|Task|ValueTask) (?<method>\w+)\(""", RegexOptions.Multiline)]
    private static partial Regex MarkedTest();

    [GeneratedRegex("""^\s*\[Trap\("D""", RegexOptions.Multiline)]
    private static partial Regex Mark();

    [GeneratedRegex("""^(?:public|internal) (?:sealed |abstract |static |partial )*class (?<name>\w+)""", RegexOptions.Multiline)]
    private static partial Regex TypeName();

    [GeneratedRegex("""D\d\d""")]
    private static partial Regex TrapId();
}
