using System.Diagnostics;
using QedVd.Backends.Qed.Tests.Engine;
using QedVd.TestKit;

namespace QedVd.Backends.Qed.Tests.Compaction;

/// <summary>The power is lost, or the process killed, at each point of a compaction, with writes before, beside and after it.</summary>
public sealed class CompactionCrashTests(ITestOutputHelper output)
{
    private const string Search = "qed-compact";
    private const int Cluster = 4096;
    private const int Size = 600 * Cluster;
    private const int SecondTable = 512 * Cluster;
    private const StorageFacts NoZeroes = SimulatedFile.GoodFacts & ~StorageFacts.NeverWrittenReadsZero;
    private const StorageFacts NoPunch = SimulatedFile.GoodFacts & ~StorageFacts.CanPunchHoles;

    [Theory]
    [InlineData(false, SimulatedFile.GoodFacts, ConsistencyMode.Ordered)]
    [InlineData(true, SimulatedFile.GoodFacts, ConsistencyMode.Ordered)]
    [InlineData(false, NoZeroes, ConsistencyMode.Ordered)]
    [InlineData(true, NoPunch, ConsistencyMode.Ordered)]
    [InlineData(true, SimulatedFile.GoodFacts, ConsistencyMode.Lazy)]
    public void Compaction_SurvivesPowerLoss_AtEachPoint(bool withParent, StorageFacts facts, ConsistencyMode mode)
    {
        CrashWorkload work = Start(withParent, facts, mode);
        int states = 0;
        foreach (CrashState state in CrashStates.OfPowerLoss(work.File, new PowerLossOptions { ExhaustiveUnits = 2, Samples = 3 }))
        {
            // All of them take minutes: each eleventh, which meets every kind at every few points.
            if (states++ % 11 == 0)
            {
                work.Verify(state);
            }
        }

        output.WriteLine($"{states} states");
        Assert.True(states > 300);
        work.Image.Dispose();
    }

    [Theory]
    [InlineData(ConsistencyMode.Ordered)]
    [InlineData(ConsistencyMode.Unsafe)]
    public void KilledProcess_LeavesASoundImage(ConsistencyMode mode)
    {
        CrashWorkload work = Start(withParent: true, SimulatedFile.GoodFacts, mode);
        int states = 0;
        foreach (CrashState state in CrashStates.OfProcessKill(work.File))
        {
            if (states++ % 4 == 0)
            {
                work.Verify(state);
            }
        }

        Assert.True(states > 50);
        work.Image.Dispose();
    }

    [Fact]
    [Trait("Long", Search)]
    public void RandomWorkloadsWithCompactions_AfterAnyCrash_HoldWhatWasFlushed()
    {
        bool isLong = LongRun.IsAsked(Search);
        TimeSpan budget = LongRun.Budget(Search, TimeSpan.FromSeconds(7));
        int seed = isLong ? (int)(LongRun.Seed() & 0x3FFF_FFFF) : 1;
        output.WriteLine($"seed {seed}");
        long start = Stopwatch.GetTimestamp();
        int workloads = 0;
        int states = 0;
        while ((isLong || workloads < 60) && Stopwatch.GetElapsedTime(start) < budget)
        {
            var work = new StressWorkload(StressPlan.Draw(seed + workloads++) with { Compacts = true });
            work.Run();
            states += work.Crash(powerLosses: 20, kills: 20);
        }

        output.WriteLine($"{workloads} workloads, {states} states, {Stopwatch.GetElapsedTime(start).TotalSeconds:0.0} s");
        Assert.True(states > 100);
    }

    /// <summary>Tables and data that have to change places, zeros, holes and markers; writes while it runs would be another test.</summary>
    private static CrashWorkload Start(bool withParent, StorageFacts facts, ConsistencyMode mode)
    {
        byte[]? parent = withParent ? new byte[Size - 100000] : null;
        if (parent is not null)
        {
            Array.Fill(parent, (byte)0xAA);
        }

        CrashWorkload work = new CrashWorkload(Images.Create(Size, Cluster, 1, withParent, facts), Size, parent, mode).Open();
        work.Write(0, 3 * Cluster).Zero(20 * Cluster, 2 * Cluster).Write(SecondTable, Cluster).Write(5 * Cluster, 2 * Cluster).Flush()
            .Zero(Cluster, Cluster).Discard(0, Cluster).Write(SecondTable + (2 * Cluster), Cluster).Write(2 * Cluster, 512);
        return Compact(Compact(work).Write(0, Cluster).Write(6 * Cluster, 1024).Zero(5 * Cluster, Cluster).Flush().Write(8 * Cluster, Cluster)).Write(9 * Cluster, Cluster).Flush();
    }

    private static CrashWorkload Compact(CrashWorkload work)
    {
        SyncIo.Block(work.Image.CompactAsync(new CompactOptions()).AsTask());
        return work;
    }
}
