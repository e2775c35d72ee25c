using QedVd.TestKit;

namespace QedVd.Abstractions.Tests.TestKit;

public sealed class ProofSearchTests
{
    private const string Table = """
        # Words

        | search | counted | count | wrong | next case | minutes | commit | code |
        |---|---|---:|---:|---:|---:|---|---|

        """;

    [Fact]
    public void Resume_AfterACaseThatWasNotCompleted_IsThatCase()
    {
        using var search = new ProofSearch("nothing", "src");
        if (search.Only is not null)
        {
            return;
        }

        long[] numbers = [search.Next(), search.Next(), search.Next(), search.Next()];
        search.Completed(numbers[2]);
        search.Completed(numbers[0]);

        // Case 1 threw; case 3 was handed out when the time was over.
        Assert.Equal(numbers[1], search.Resume);

        search.Completed(numbers[1]);
        Assert.Equal(numbers[3], search.Resume);

        search.Completed(numbers[3]);
        Assert.Equal(search.Next(), search.Resume);
    }

    [Fact]
    public async Task NextOf_WhileAnotherProcessWrites_Waits()
    {
        string path = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(path, Table, TestContext.Current.CancellationToken);
            var report = new ProofReport(path, "commit", "code");
            report.Add("crash", new Dictionary<Measure, (long, long)> { [Measure.CrashStates] = (10, 1), [Measure.Faults] = (5, 0) }, 7, TimeSpan.FromMinutes(1));
            report.Add("crash", new Dictionary<Measure, (long, long)> { [Measure.CrashStates] = (10, 0) }, 7, TimeSpan.FromMinutes(1));

            Task<long> next;
            await using (var held = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None))
            {
                next = Task.Run(() => report.NextOf("crash"), TestContext.Current.CancellationToken);
                await Task.Delay(100, TestContext.Current.CancellationToken);
                Assert.False(next.IsFaulted);
            }

            Assert.Equal(7, await next);
            Assert.Equal(0, report.NextOf("kill"));
            Assert.Equal(0, new ProofReport(path, "commit", "other code").NextOf("crash"));
            Assert.Contains("| crash | crash states | 20 | 1 | 7 | 2.0 | commit | code |", await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken), StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public async Task Add_WhatSaysMore_StandsBehindItsFigure_AndOfTheMostTheLargestIsKept()
    {
        string path = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(path, Table, TestContext.Current.CancellationToken);
            var report = new ProofReport(path, "commit", "code");
            foreach (long most in (long[])[3, 7, 5])
            {
                report.Add("z", new Dictionary<Measure, (long, long)> { [Measure.CrashStates] = (10, 1), [Measure.Detail("a part, of them")] = (4, 1), [Measure.Most("most")] = (most, 0) }, 7, TimeSpan.Zero);
                report.Add("a", new Dictionary<Measure, (long, long)> { [Measure.Kills] = (1, 0) }, 7, TimeSpan.Zero);
            }

            Assert.Equal(
                ["| a | kills | 3 | 0 |", "| z | crash states | 30 | 3 |", "| z | a part, of them | 12 | 3 |", "| z | most | 7 | 0 |"],
                (await File.ReadAllLinesAsync(path, TestContext.Current.CancellationToken)).Where(line => line.EndsWith(" code |", StringComparison.Ordinal)).Skip(1).Select(line => line[..line.IndexOf(" 7 | 0.0", StringComparison.Ordinal)]));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void CommandFor_ACase_NamesWhatTheScriptTakes()
    {
        using var search = new ProofSearch("nothing-of-it", "src");

        Assert.Equal($"./test --filter ThisTest --seed {search.Seed} --case 12", search.CommandFor(12, "ThisTest"));
    }

    [Theory]
    [MemberData(nameof(Searches))]
    public void Search_OfALongRun_NamesItsInstruments_AndSaysWhatItCompleted(string file)
    {
        string text = File.ReadAllText(Checkout.PathOf(file));

        Assert.True(text.Contains(".Completed(", StringComparison.Ordinal), $"{file} takes cases, and calls none of them completed: a long run begins with the same ones each time.");
        string[] named = ["\"tests/", ".Instruments", "CommandSearch.Open("];
        Assert.True(named.Any(word => text.Contains(word, StringComparison.Ordinal)), $"{file}: its figures outlive changes of what counts them.");
    }

    public static TheoryData<string> Searches =>
    [
        .. Directory.GetFiles(Checkout.PathOf("tests"), "*.cs", SearchOption.AllDirectories)
            .Where(file => Path.GetFileName(file) is not ("ProofSearch.cs" or "ProofSearchTests.cs"))
            .Where(file => File.ReadAllText(file) is var text && text.Contains("earch.Next()", StringComparison.Ordinal) && text.Contains("ProofSearch", StringComparison.Ordinal))
            .Select(file => Path.GetRelativePath(Checkout.Root, file)),
    ];
}
