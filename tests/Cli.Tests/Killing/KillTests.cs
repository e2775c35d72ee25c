using QedVd.ChainKit;
using QedVd.TestKit;

namespace QedVd.Cli.Tests.Killing;

/// <summary>
/// Every command that changes files, as a process that is killed, stopped, or whose calls fail, at calls that change a file: some of them for each command
/// here, all of them on small chains in a long run.
/// </summary>
public sealed class KillTests
{
    [Fact]
    [Trait("Long", KillSearch.Name)]
    public async Task Commands_KilledOrFailingAnywhere_KeepWhatTheGuestReads_AndRunAgainComplete()
    {
        Peers.Require("strace", Measure.Kills);
        using var search = new KillSearch();
        TestContext.Current.TestOutputHelper?.WriteLine(search.ToString());
        await search.RunAsync(nameof(Commands_KilledOrFailingAnywhere_KeepWhatTheGuestReads_AndRunAgainComplete));

        TestContext.Current.TestOutputHelper?.WriteLine(search.Summary);
        Assert.True(search.Empty.Count == 0 || !search.IsSample, $"{search}: nothing was killed of: {string.Join(", ", search.Empty)} ({search.Summary})");
    }

    [Fact]
    public async Task Failure_PrintsTheCommand_ThatLooksAtTheSameCaseAgain()
    {
        Peers.Require("strace");
        if (LongRun.Case is not null)
        {
            return;
        }

        int rename = CommandCases.All.Index().Single(each => each.Item.Name == "rename").Index;
        string test = nameof(Commands_KilledOrFailingAnywhere_KeepWhatTheGuestReads_AndRunAgainComplete);
        using var search = new KillSearch { Spoils = work => File.WriteAllText(Path.Combine(work.Folder, "left"), "over") };

        Xunit.Sdk.XunitException failure = await Assert.ThrowsAnyAsync<Xunit.Sdk.XunitException>(() => search.RunCaseAsync(rename, test));

        // The command, the files and the chain are those; and the same calls are drawn, in whatever order they were made.
        string what = failure.Message[..failure.Message.IndexOf(": ", StringComparison.Ordinal)];
        Assert.StartsWith("rename, ", what, StringComparison.Ordinal);
        Assert.Contains(what, await CaseReplay.RunAsync(CaseReplay.CommandIn(failure.Message)), StringComparison.Ordinal);
        CallPoint[] points = [.. Enumerable.Range(1, 40).Select(i => new CallPoint(i, $"call{i % 5}", i, $"call{i % 5}"))];
        Assert.Equal(KillSearch.Draw(points, 9, new Random(3)), KillSearch.Draw([.. points.Reverse()], 9, new Random(3)));
    }
}
