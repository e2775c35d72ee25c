using QedVd.Hostile.Tests.Cases;
using QedVd.TestKit;

namespace QedVd.Hostile.Tests.Verbs;

/// <summary>Every hostile image gets its right answer from every verb.</summary>
public sealed class HostileImageTests(ITestOutputHelper output)
{
    [Fact]
    public void EveryVerb_AnswersEveryImage()
    {
        using var search = new ProofSearch("hostile-answers", "src", "tests/Proof/PlainReader", "tests/Proof/Hostile.Tests");
        using var folder = new CaseFolder(inMemory: true);
        var run = new CaseRun(folder);
        List<string> wrong = [];
        int calls = 0;
        foreach (HostileCase each in AllCases.List)
        {
            int before = wrong.Count;
            foreach (VerbLine line in VerbLine.All)
            {
                IReadOnlyList<string>? found = run.Run(each, line, InProcess.Run);
                calls += found is null ? 0 : 1;
                wrong.AddRange(found ?? []);
            }

            search.Count(Measure.HostileImages, 1, wrong.Count > before ? 1 : 0);
        }

        output.WriteLine($"{AllCases.List.Count} images, {calls} calls");
        Assert.True(wrong.Count == 0, $"{wrong.Count} wrong answers:\n\n{string.Join("\n\n", wrong)}");
    }
}
