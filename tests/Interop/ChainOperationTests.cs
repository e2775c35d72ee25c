using QedVd.ChainKit;
using QedVd.TestKit;

namespace QedVd.Interop.Tests;

/// <summary>Operations on chains that QEMU made, looked at by QEMU; and the same operation done by QEMU on a copy.</summary>
public sealed class ChainOperationTests : IDisposable
{
    private const string Search = "chain-interop";
    private const int ChainsPerOperation = 2;
    private const int MostChains = 20;

    private static readonly ChainPlanOptions s_options = new() { MostBytes = 1 << 20, MostClusterBytes = 65536, MostChanges = 8, ForQemu = true };

    private readonly ChainBench _bench = new();
    private readonly QemuChains _qemu;
    private readonly long _seed = LongRun.Seed();

    public ChainOperationTests()
    {
        _qemu = new QemuChains(_bench);
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {_seed}");
    }

    public void Dispose() => _bench.Dispose();

    public static TheoryData<string> Operations => [.. ChainHistory.Operations];

    [Theory]
    [Trait("Long", Search)]
    [MemberData(nameof(Operations))]
    public async Task EachOperation_OverAChainThatQemuMade_LeavesAndMakesWhatQemuFindsClean_AndReadsTheSame(string operation)
    {
        DateTime end = DateTime.UtcNow + LongRun.Budget(Search, TimeSpan.Zero) / Operations.Count;
        int done = 0;
        for (int round = 0; (done < ChainsPerOperation && round < MostChains) || DateTime.UtcNow < end; round++)
        {
            long number = (_seed & 0xffff) + (round * 5) + (operation.Length * 3);
            ChainTraits trait = ChainStrata.All[(int)(number % ChainStrata.All.Count)];
            var random = new Random((int)(_seed + (round * 7919L) + (operation.Length * 104_729L)));
            ChainPlan plan = ChainStrata.Draw(random, trait, operation, number, s_options);
            string name = $"seed {_seed}, round {round}, {trait}, {plan.Description}";
            TestChain chain = await _qemu.MakeAsync(plan, _bench.NewFolder("chain"));
            await chain.ShouldHoldAsync($"{name}: made by QEMU", files: true);

            var history = new ChainHistory(_bench, chain, random, name) { ForQemu = true, LookAsync = _qemu.ShouldAgreeAsync };
            done += await history.RunAsync(operation) ? 1 : 0;
            await history.RunAsync(1);
        }

        Assert.True(done >= ChainsPerOperation, $"seed {_seed}: {operation} had something to do on {done} chains");
    }

    /// <summary>
    /// Where QEMU has the operation, it does it on a copy: both leave the same content, in the top and in the level that was written to.
    /// </summary>
    [Theory]
    [Trait("Long", Search)]
    [InlineData("commit")]
    [InlineData("commit to a lower one")]
    [InlineData("rebase to a lower one")]
    [InlineData("rebase to another")]
    [InlineData("rebase to nothing")]
    [InlineData("convert")]
    public async Task Operation_ByQemuAndByUs_OnTheSameChain_GivesTheSameContent(string operation)
    {
        DateTime end = DateTime.UtcNow + LongRun.Budget(Search, TimeSpan.Zero);
        int compared = 0;
        int round = 0;
        for (; (compared < ChainsPerOperation && round < MostChains) || DateTime.UtcNow < end; round++)
        {
            var random = new Random((int)(_seed + (round * 7919L) + operation.Length));
            ChainPlan plan = ChainPlan.Draw(random, Options(ChainStrata.All[random.Next(ChainStrata.All.Count)]) with { LeastLevels = 3, MostLevels = 5 });
            int depth = operation == "commit" ? 1 : random.Next(2, plan.Levels.Count);
            plan = operation.StartsWith("commit", StringComparison.Ordinal) ? SideBySide.ForCommit(plan, depth) : plan;
            string what = $"{operation}, seed {_seed}, round {round}, {plan.Description}";
            TestChain ours = await _qemu.MakeAsync(plan, _bench.NewFolder("ours"));
            IReadOnlyList<ChainLevel> other = (await _qemu.MakeAsync(ChainPlan.Draw(random, Options(ChainTraits.None) with { MostLevels = 2, NamePrefix = "other" }), Path.GetDirectoryName(ours.Top.Path)!)).Levels;
            TestChain theirs = ours.CopyTo(_bench.NewFolder("theirs"));
            foreach (ChainLevel level in other)
            {
                File.Copy(level.Path, Path.Combine(Path.GetDirectoryName(theirs.Top.Path)!, level.Name));
            }

            compared += await new SideBySide(_bench, _qemu, ours, theirs, other, what).RunAsync(operation, depth) ? 1 : 0;
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{compared} of {round} compared with what QEMU did");
        Assert.True(compared >= ChainsPerOperation, $"{operation}, seed {_seed}: {compared} of {round} compared with what QEMU did");
    }

    private static ChainPlanOptions Options(ChainTraits trait) => s_options with
    {
        Required = trait,
        Excluded = trait == ChainTraits.HighOffset ? ChainTraits.None : ChainTraits.HighOffset,
    };
}
