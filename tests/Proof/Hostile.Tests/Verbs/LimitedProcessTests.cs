using QedVd.Hostile.Tests.Cases;
using QedVd.TestKit;

namespace QedVd.Hostile.Tests.Verbs;

/// <summary>The same answers from real processes, under limits, watched from outside: a sample in a normal run, all pairs of image and verb in a long one.</summary>
public sealed class LimitedProcessTests(ITestOutputHelper output)
{
    private const int OneOf = 4;

    [Fact]
    public void Sample_AnswersRightly_UnderLimits_AndOpensNothingElse()
    {
        Peers.Require("strace", Measure.HostileProcesses);
        using var search = new ProofSearch("hostile-processes", "src", "tests/Proof/PlainReader", "tests/Proof/Hostile.Tests");
        var random = new Random(search.SeedOf(0));
        int first = random.Next(OneOf);
        int next = random.Next(VerbLine.All.Count);
        using var folder = new CaseFolder(inMemory: true);
        var runs = new Runs(folder);
        VerbLine info = VerbLine.All.Single(line => line.Name == "info");
        for (int i = first; i < AllCases.List.Count; i += OneOf)
        {
            HostileCase each = AllCases.List[i];
            runs.Add(each, info);
            // In turn, so that each verb has its share whatever the seed.
            while (!runs.Add(each, VerbLine.All[next++ % VerbLine.All.Count]))
            {
            }
        }

        search.Count(Measure.HostileProcesses, runs.Count, runs.Wrong.Count);
        output.WriteLine($"{search}: {runs.Count} processes");
        Assert.Equal(VerbLine.All.Count, runs.Verbs);
        Assert.True(runs.Wrong.Count == 0, $"{search}\n\n{string.Join("\n\n", runs.Wrong)}");
    }

    /// <summary>Every pair, by number; goes on where the last long run stopped.</summary>
    [Fact]
    [Trait("Long", "hostile")]
    public void Pairs_OfImagesAndVerbs_UnderLimits()
    {
        using var search = new ProofSearch("hostile-processes", "src", "tests/Proof/PlainReader", "tests/Proof/Hostile.Tests");
        if (!search.IsLong)
        {
            return;
        }

        Peers.Require("strace");
        using var folder = new CaseFolder(inMemory: true);
        var runs = new Runs(folder);
        int lines = VerbLine.All.Count;
        for (long n = search.Next(); search.GoesOn(runs.Count, 0); n = search.Next())
        {
            int before = runs.Wrong.Count;
            if (runs.Add(AllCases.List[(int)(n / lines % AllCases.List.Count)], VerbLine.All[(int)(n % lines)]))
            {
                search.Count(Measure.HostileProcesses, 1, runs.Wrong.Count > before ? 1 : 0);
            }

            if (runs.Wrong.Count == before)
            {
                search.Completed(n);
            }
        }

        Assert.True(runs.Wrong.Count == 0, $"{search}\n\n{string.Join("\n\n", runs.Wrong)}");
    }

    [Fact]
    public void Chain_OfMoreLevelsThanHandles_IsRefusedInOneLine()
    {
        Peers.Require("strace");
        using var folder = new CaseFolder(inMemory: true);
        AllCases.Get("M87 as many levels as allowed").Make(folder);
        VerbLine line = VerbLine.All.Single(each => each.Name == "map");

        VerbOutcome outcome = new LimitedProcess(folder).Run(line, "a.qed", ["map", folder.Image], LimitedProcess.UsualHandles);

        // The runtime may abort when it gets no handle itself, now and then, after our line was written.
        const int Aborted = 134;
        Assert.True(outcome.ExitCode is 1 or Aborted, $"ended with {outcome.ExitCode}: {outcome.Error}");
        Assert.Single(outcome.Error.TrimEnd().Split('\n'));
        Assert.Contains(".qed", outcome.Error, StringComparison.Ordinal);
        Assert.Contains("too many files are open", outcome.Error, StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>Half a million tables of 16 MiB: what looks at them all needs neither the memory nor the time that they promise.</summary>
    [Theory]
    [InlineData("info")]
    [InlineData("check")]
    [InlineData("map")]
    [InlineData("check -r all")]
    public void TableBomb_IsAnswered_UnderLimits(string name)
    {
        Peers.Require("strace");
        using var folder = new CaseFolder(inMemory: true);
        var runs = new Runs(folder);

        Assert.True(runs.Add(SizeCases.TableBomb, VerbLine.All.Single(line => line.Name == name)));

        Assert.True(runs.Wrong.Count == 0, string.Join("\n\n", runs.Wrong));
    }

    private sealed class Runs(CaseFolder folder)
    {
        private readonly CaseRun _run = new(folder);
        private readonly LimitedProcess _process = new(folder);
        private readonly HashSet<string> _verbs = [];

        public int Count { get; private set; }

        public int Verbs => _verbs.Count;

        public List<string> Wrong { get; } = [];

        /// <summary>False when the call is not made for this case.</summary>
        public bool Add(HostileCase of, VerbLine line)
        {
            IReadOnlyList<string>? wrong = _run.Run(of, line, arguments => _process.Run(line, of.File, arguments, of.Handles));
            if (wrong is null)
            {
                return false;
            }

            Count++;
            _verbs.Add(line.Name);
            Wrong.AddRange(wrong);
            Wrong.AddRange(_process.Wrong.Select(what => $"{of.Name}: {line.Name}: {what}"));
            return true;
        }
    }
}
