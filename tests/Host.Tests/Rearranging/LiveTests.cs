using QedVd.ChainKit;
using QedVd.TestKit;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>Operations on a disk that guests are using: what they write is never lost, whenever the operation is cancelled, and run again it completes.</summary>
public sealed class LiveTests : IDisposable
{
    private const string Search = "live";
    private const int Cancellations = 50;

    /// <summary>Some come to their end before they are cancelled.</summary>
    private const int MostRounds = 20 * Cancellations;

    private const int OnDiskEvery = 8;

    private readonly ChainBench _memory = new(ChainBench.InMemory);
    private readonly ChainBench _disk = new();

    public void Dispose()
    {
        _memory.Dispose();
        _disk.Dispose();
    }

    [Theory]
    [Trait("Long", Search)]
    [InlineData("snapshot")]
    [InlineData("compact")]
    [InlineData("resize")]
    [InlineData("flatten")]
    [InlineData("rebase")]
    [InlineData("rebase to another")]
    [InlineData("commit")]
    [InlineData("merge")]
    public async Task Operation_UnderLoad_CancelledHalfWayFiftyTimes_LosesNothing_AndRunsAgain(string operation)
    {
        long seed = LongRun.Seed();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        DateTime end = DateTime.UtcNow + LongRun.Budget(Search, TimeSpan.Zero);
        int cancelled = 0;
        int reopened = 0;
        int rounds = 0;
        TimeSpan usual = default;
        for (; (cancelled < Cancellations && rounds < MostRounds) || DateTime.UtcNow < end; rounds++)
        {
            var live = new LiveRound(rounds % OnDiskEvery == 0 ? _disk : _memory, operation, (int)(seed + (rounds * 7919L)), $"{operation}, seed {seed}, round {rounds}")
            {
                Reopens = cancelled % 2 == 0,
                Usual = usual,
            };
            if (await live.RunAsync())
            {
                cancelled++;
                reopened += live.Reopens ? 1 : 0;
            }

            usual = live.Took;
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{rounds} rounds, {cancelled} cancelled half way, {reopened} of these closed and opened before the next run");
        Assert.True(cancelled >= Cancellations && reopened >= Cancellations / 2, $"seed {seed}: {rounds} rounds, {cancelled} cancelled half way, {reopened} of these closed and opened again");
    }
}
