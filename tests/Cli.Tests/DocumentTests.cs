using QedVd.TestKit;

namespace QedVd.Cli.Tests;

/// <summary>The examples that users read are run.</summary>
public sealed class DocumentTests : IDisposable
{
    private readonly Cli _cli = new();

    public void Dispose() => _cli.Dispose();

    [Theory]
    [InlineData("README.md", "./qedvd ")]
    [InlineData("docs/getting-started.md", "qedvd ")]
    [InlineData("docs/chains.md", "qedvd ")]
    public async Task Examples_OfADocument_AllWork(string document, string program)
    {
        List<string> lines = [];
        bool inExample = false;
        foreach (string line in await File.ReadAllLinesAsync(Checkout.PathOf(document)))
        {
            if (line.StartsWith("```", StringComparison.Ordinal))
            {
                inExample = line == "```sh";
            }
            else if (inExample && !line.StartsWith("./test", StringComparison.Ordinal))
            {
                lines.Add(line.Replace(program, "$Q ", StringComparison.Ordinal));
            }
        }

        Assert.True(lines.Count > 8, $"{document}: only {lines.Count} lines of examples were found.");
        Assert.Contains(lines, line => line.StartsWith("$Q ", StringComparison.Ordinal));

        // Each line is shown before it runs, so that a failure names it.
        ToolRun run = (await _cli.ShellAsync("set -evo pipefail\n" + string.Join('\n', lines))).ShouldExitWith(0);

        Assert.DoesNotContain("NOT OK", run.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("qedvd: ", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Documents_SpeakOfEveryVerb()
    {
        string text = await File.ReadAllTextAsync(Checkout.PathOf("docs", "getting-started.md")) + await File.ReadAllTextAsync(Checkout.PathOf("docs", "chains.md"));
        string overview = await _cli.OkAsync("--help");

        foreach (string line in overview.Split('\n').Where(line => line.StartsWith("  ", StringComparison.Ordinal)))
        {
            string verb = line.Trim().Split(' ')[0];
            Assert.True(verb == "demo" || text.Contains($"qedvd {verb} ", StringComparison.Ordinal) || text.Contains($"qedvd {verb}\n", StringComparison.Ordinal), $"no example of {verb}");
        }
    }
}
