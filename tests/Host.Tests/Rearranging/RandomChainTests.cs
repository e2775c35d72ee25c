using QedVd.ChainKit;
using QedVd.TestKit;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>Operations over random chains, each checked in full: every level's content, every image, every file.</summary>
public sealed class RandomChainTests : IDisposable
{
    private const string Search = "chain-operations";
    private const int OperationsPerChain = 4;

    private readonly ChainBench _bench = new();

    public void Dispose() => _bench.Dispose();

    /// <summary>A chain of each kind is there in every run, whatever the seed.</summary>
    public static TheoryData<ChainTraits> Strata => [.. Enum.GetValues<ChainTraits>().Where(trait => trait != ChainTraits.All)];

    [Theory]
    [Trait("Long", Search)]
    [MemberData(nameof(Strata))]
    public async Task Operations_InAnyOrder_OverAnyChain_KeepWhatItsGuestsRead(ChainTraits trait)
    {
        long seed = LongRun.Seed();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        DateTime end = DateTime.UtcNow + LongRun.Budget(Search, TimeSpan.Zero) / Strata.Count;
        int round = 0;
        do
        {
            var random = new Random((int)(seed + ((int)trait * 7919L) + (round * 104_729L)));
            ChainPlan plan = ChainPlan.Draw(random, new ChainPlanOptions { Required = trait, Excluded = trait == ChainTraits.HighOffset ? 0 : ChainTraits.HighOffset });
            string name = $"seed {seed}, {trait}, round {round}, {plan.Description}";
            string folder = _bench.NewFolder("chain");
            TestChain chain = await _bench.MakeAsync(plan, folder);
            await chain.ShouldHoldAsync($"{name}: as made", files: true);

            await new ChainHistory(_bench, chain, random, name).RunAsync(OperationsPerChain);
            round++;
        }
        while (DateTime.UtcNow < end);
    }
}
