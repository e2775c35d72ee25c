using System.Collections.Concurrent;
using QedVd.Hostile.Tests.Cases;
using QedVd.TestKit;

namespace QedVd.Hostile.Tests.Verbs;

/// <summary>The same answers from real processes, under limits, watched from outside: a sample in a normal run, all pairs of image and verb in a long one.</summary>
public sealed class LimitedProcessTests(ITestOutputHelper output)
{
    private const string Search = "hostile-processes";
    private const int OneOf = 4;

    private static readonly string[] s_code = ["src", "tests/Proof/PlainReader", "tests/Proof/Hostile.Tests"];

    [Fact]
    public void Sample_AnswersRightly_UnderLimits_AndOpensNothingElse()
    {
        Peers.Require("strace", Measure.HostileProcesses);
        using var search = new ProofSearch(Search, s_code);
        var random = new Random(search.SeedOf(0));
        int first = random.Next(OneOf);
        int next = random.Next(VerbLine.All.Count);
        using var folder = new CaseFolder(inMemory: true);
        var runs = new LimitedRuns(folder);
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
    [Trait("Long", LongTurn.Name)]
    public async Task Pairs_OfImagesAndVerbs_UnderLimits()
    {
        if (!LongRun.IsAsked(LongTurn.Name))
        {
            return;
        }

        Peers.Require("strace");
        using LongTurn turn = await LongTurn.TakeAsync();
        using var search = new ProofSearch(Search, s_code);
        ConcurrentQueue<string> wrong = new();
        await Task.WhenAll(Enumerable.Range(0, Environment.ProcessorCount).Select(_ => Task.Run(() => TakePairs(search, turn, wrong), TestContext.Current.CancellationToken)));
        output.WriteLine($"{search}");
        Assert.True(wrong.IsEmpty, $"{search}\n\n{string.Join("\n\n", wrong)}");
    }

    private static void TakePairs(ProofSearch search, LongTurn turn, ConcurrentQueue<string> wrong)
    {
        using var folder = new CaseFolder(inMemory: true);
        var runs = new LimitedRuns(folder);
        int lines = VerbLine.All.Count;
        while (turn.GoesOn)
        {
            long n = search.Next();
            if (!search.GoesOn(0, 0))
            {
                return;
            }

            int before = runs.Wrong.Count;
            bool isAsked = runs.Add(AllCases.List[(int)(n / lines % AllCases.List.Count)], VerbLine.All[(int)(n % lines)]);
            string[] found = [.. runs.Wrong.Skip(before)];
            search.Count(Measure.HostileProcesses, isAsked ? 1 : 0, found.Length > 0 ? 1 : 0);
            if (found.Length == 0)
            {
                search.Completed(n);
            }

            foreach (string each in found)
            {
                wrong.Enqueue($"case {n}: {each}");
            }
        }
    }

    [Fact]
    public void Chain_OfMoreLevelsThanHandles_IsRefusedInOneLine()
    {
        Peers.Require("strace");
        using var folder = new CaseFolder(inMemory: true);
        HostileCase of = AllCases.Get("M87 as many levels as allowed");
        of.Make(folder);
        VerbLine line = VerbLine.All.Single(each => each.Name == "map");

        // The runtime may abort when it gets no handle itself, now and then, before or after our line: that says nothing about our answer.
        const int Aborted = 134;
        const int Tries = 8;
        VerbOutcome outcome = Enumerable.Range(0, Tries)
            .Select(_ => new LimitedProcess(folder).Run(of with { Handles = LimitedProcess.UsualHandles }, line, ["map", folder.Image]))
            .SkipWhile(each => each.ExitCode == Aborted)
            .First();

        Assert.True(outcome.ExitCode == 1, $"ended with {outcome.ExitCode}: {outcome.Error}");
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
        var runs = new LimitedRuns(folder);

        Assert.True(runs.Add(SizeCases.TableBomb, VerbLine.All.Single(line => line.Name == name)));

        Assert.True(runs.Wrong.Count == 0, string.Join("\n\n", runs.Wrong));
    }
}
