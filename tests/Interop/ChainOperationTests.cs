using QedVd.ChainKit;
using QedVd.TestKit;

namespace QedVd.Interop.Tests;

/// <summary>Operations on chains that QEMU made, looked at by QEMU; and the same operation done by QEMU on a copy.</summary>
public sealed class ChainOperationTests : IDisposable
{
    private const string Search = "chain-interop";
    private const int StrataPerRun = 5;
    private const int OperationsPerChain = 3;
    private const int ChainsPerOperation = 2;

    private static readonly ChainTraits[] s_strata = [.. Enum.GetValues<ChainTraits>().Where(trait => trait is not (ChainTraits.All or ChainTraits.None))];

    private readonly ChainBench _bench = new();
    private readonly QemuChains _qemu;
    private readonly long _seed = LongRun.Seed();

    public ChainOperationTests()
    {
        _qemu = new QemuChains(_bench);
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {_seed}");
    }

    public void Dispose() => _bench.Dispose();

    [Fact]
    [Trait("Long", Search)]
    public async Task Operations_OverAChainThatQemuMade_LeaveWhatQemuFindsClean_AndReadsTheSame()
    {
        DateTime end = DateTime.UtcNow + LongRun.Budget(Search, TimeSpan.Zero);
        int first = new Random((int)_seed).Next(s_strata.Length);
        for (int round = 0; round < StrataPerRun || DateTime.UtcNow < end; round++)
        {
            ChainTraits trait = s_strata[(first + (round * 3)) % s_strata.Length];
            var random = new Random((int)(_seed + (round * 7919L)));
            ChainPlan plan = ChainPlan.Draw(random, Options(trait) with { MostLevels = 6 });
            string name = $"seed {_seed}, round {round}, {trait}, {plan.Description}";
            TestChain chain = await _qemu.MakeAsync(plan, _bench.NewFolder("chain"));
            await chain.ShouldHoldAsync($"{name}: made by QEMU", files: true);

            var history = new ChainHistory(_bench, chain, random, name);
            for (int i = 0; i < OperationsPerChain; i++)
            {
                await history.RunAsync(1);
                await _qemu.ShouldAgreeAsync(chain, history.Description);
            }
        }
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
        for (int round = 0; round < ChainsPerOperation || DateTime.UtcNow < end; round++)
        {
            var random = new Random((int)(_seed + (round * 7919L) + operation.Length));
            ChainPlan plan = ChainPlan.Draw(random, Options(s_strata[random.Next(s_strata.Length)]) with { LeastLevels = 3, MostLevels = 5 });
            string what = $"{operation}, seed {_seed}, round {round}, {plan.Description}";
            TestChain ours = await _qemu.MakeAsync(plan, _bench.NewFolder("ours"));
            IReadOnlyList<ChainLevel> other = (await _qemu.MakeAsync(ChainPlan.Draw(random, Options(ChainTraits.None) with { MostLevels = 2, NamePrefix = "other" }), Path.GetDirectoryName(ours.Top.Path)!)).Levels;
            TestChain theirs = ours.CopyTo(_bench.NewFolder("theirs"));
            foreach (ChainLevel level in other)
            {
                File.Copy(level.Path, Path.Combine(Path.GetDirectoryName(theirs.Top.Path)!, level.Name));
            }

            await new SideBySide(_bench, _qemu, ours, theirs, plan, other, random, what).RunAsync(operation);
        }
    }

    private static ChainPlanOptions Options(ChainTraits trait) => new()
    {
        MostBytes = 1 << 20,
        MostClusterBytes = 65536,
        MostChanges = 8,
        ForQemu = true,
        Required = trait,
        Excluded = trait == ChainTraits.HighOffset ? ChainTraits.None : ChainTraits.HighOffset,
    };
}
