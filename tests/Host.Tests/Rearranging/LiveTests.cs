using QedVd.ChainKit;
using QedVd.TestKit;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>Operations on a disk that guests are using: what they write is never lost, whenever the operation is cancelled, and run again it completes.</summary>
public sealed class LiveTests : IDisposable
{
    private const string Search = "live";
    private const int Rounds = 50;

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
    [InlineData("commit")]
    [InlineData("merge")]
    public async Task Operation_UnderLoad_CancelledAnywhere_LosesNothing_AndRunsAgain(string operation)
    {
        long seed = LongRun.Seed();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        DateTime end = DateTime.UtcNow + LongRun.Budget(Search, TimeSpan.Zero);
        int cancelled = 0;
        for (int round = 0; round < Rounds || DateTime.UtcNow < end; round++)
        {
            var live = new LiveRound(round % OnDiskEvery == 0 ? _disk : _memory, operation, (int)(seed + (round * 7919L)), $"{operation}, seed {seed}, round {round}");
            cancelled += await live.RunAsync() ? 1 : 0;
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{cancelled} of the operations were cancelled half way");
    }
}
