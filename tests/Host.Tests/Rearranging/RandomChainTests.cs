using QedVd.ChainKit;
using QedVd.TestKit;

namespace QedVd.Host.Tests.Rearranging;

/// <summary>Every operation over random chains of every kind and depth, each checked in full: every level's content, every image, every file.</summary>
public sealed class RandomChainTests : IDisposable
{
    private const string Search = "chain-operations";
    private const int MostChains = 20;

    private readonly ChainBench _bench = new(ChainBench.InMemory);

    public void Dispose() => _bench.Dispose();

    public static TheoryData<ChainTraits> Strata => [.. ChainStrata.All];

    [Theory]
    [Trait("Long", Search)]
    [MemberData(nameof(Strata))]
    public async Task EachOperation_OverAnyChain_HasAnEffect_AndKeepsWhatItsGuestsRead(ChainTraits trait)
    {
        long seed = LongRun.Seed();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        DateTime end = DateTime.UtcNow + LongRun.Budget(Search, TimeSpan.Zero) / Strata.Count;
        int chains = 0;
        do
        {
            for (int i = 0; i < ChainHistory.Operations.Count; i++)
            {
                string operation = ChainHistory.Operations[i];
                int last = chains + MostChains;
                while (!await RunAsync(seed, trait, operation, chains++, i))
                {
                    Assert.True(chains < last, $"seed {seed}, {trait}: {operation} has nothing to do on any chain");
                }
            }
        }
        while (DateTime.UtcNow < end);
    }

    /// <summary>One operation on a chain of its own, and then another one, whichever, on what there is then; false when the first had nothing to do.</summary>
    private async Task<bool> RunAsync(long seed, ChainTraits trait, string operation, int chain, int index)
    {
        var random = new Random((int)(seed + ((int)trait * 7919L) + (chain * 104_729L)));
        ChainPlan plan = ChainStrata.Draw(random, trait, operation, (seed & 7) + index + (chain / ChainHistory.Operations.Count), new ChainPlanOptions());
        string name = $"seed {seed}, {trait}, chain {chain}, {plan.Description}";
        TestChain made = await _bench.MakeAsync(plan, _bench.NewFolder("chain"));
        await made.ShouldHoldAsync($"{name}: as made", files: true);

        var history = new ChainHistory(_bench, made, random, name);
        bool hasEffect = await history.RunAsync(operation);
        await history.RunAsync(1);
        return hasEffect;
    }
}
