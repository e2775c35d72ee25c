using QedVd.TestKit;

namespace QedVd.Cli.Tests.Killing;

/// <summary>
/// Every command that changes files, as a process that is killed, stopped, or whose calls fail, at calls that change a file: some of them for each command
/// here, as many as there is time for in a long run.
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
        if (LongRun.Case is { } one)
        {
            await search.RunCaseAsync(one);
            return;
        }

        await search.RunAsync();

        TestContext.Current.TestOutputHelper?.WriteLine(search.Summary);
        Assert.True(search.Empty.Count == 0, $"Nothing was killed of: {string.Join(", ", search.Empty)} ({search.Summary})");
    }
}
