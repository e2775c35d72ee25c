using QedVd.Backends.Qed;
using QedVd.TestKit;

namespace QedVd.Crashes.Tests.Images.Brittle;

/// <summary>The explorer finds what it is there for: each rule, broken alone, shows; none broken, nothing does.</summary>
public sealed class ExplorerProofTests(ITestOutputHelper output)
{
    private const int Block = BrittleBackend.BlockBytes;
    private const StorageFacts WithGarbage = SimulatedFile.GoodFacts & ~StorageFacts.NeverWrittenReadsZero;

    private static readonly GuestOperation s_flush = new(GuestOperationKind.Flush);

    [Theory]
    [InlineData(ConsistencyMode.Ordered, SimulatedFile.GoodFacts)]
    [InlineData(ConsistencyMode.Ordered, WithGarbage)]
    [InlineData(ConsistencyMode.Lazy, SimulatedFile.GoodFacts)]
    public void NoRuleBroken_NothingIsFound(ConsistencyMode mode, StorageFacts facts) =>
        Assert.Empty(CrashExplorer.Explore(Record(BrokenRule.None, mode, facts), QedCrashTests.Usual with { MostStates = 1500, ExhaustiveUnits = 10, Samples = 400 }).Violations);

    [Theory]
    [InlineData(BrokenRule.DataBeforeEntry, ConsistencyMode.Ordered, WithGarbage, "I4")]
    [InlineData(BrokenRule.DataBeforeEntry, ConsistencyMode.Ordered, SimulatedFile.GoodFacts, "I9")]
    [InlineData(BrokenRule.TableBeforeLink, ConsistencyMode.Ordered, WithGarbage, "I9")]
    [InlineData(BrokenRule.QuarantineOfFreed, ConsistencyMode.Ordered, WithGarbage, "I3")]
    [InlineData(BrokenRule.QuarantineOfFreed, ConsistencyMode.Ordered, SimulatedFile.GoodFacts, "I3")]
    [InlineData(BrokenRule.MarkBeforeTables, ConsistencyMode.Lazy, SimulatedFile.GoodFacts, "I9")]
    [InlineData(BrokenRule.NameBesideTheOld, ConsistencyMode.Ordered, SimulatedFile.GoodFacts, "I10")]
    public void BrokenRule_IsFound(BrokenRule broken, ConsistencyMode mode, StorageFacts facts, string rule)
    {
        CrashExploration result = Explore(Record(broken, mode, facts), rule);

        Assert.Contains(rule, result.Violations.Select(violation => violation.Rule));
    }

    [Theory]
    [InlineData(BrokenRule.None)]
    [InlineData(BrokenRule.ReuseOfFreed)]
    public void WhatIsFreedAndNeverUsedAgain_IsFound(BrokenRule broken)
    {
        CrashRecording recording = Record(broken, ConsistencyMode.Ordered, SimulatedFile.GoodFacts,
            [.. Enumerable.Range(0, 8).SelectMany(_ => (GuestOperation[])[new(GuestOperationKind.Write, 6 * Block, Block), s_flush, new(GuestOperationKind.Discard, 6 * Block, Block), s_flush])]);
        CrashExploration result = broken == BrokenRule.None ? CrashExplorer.Explore(recording, QedCrashTests.Usual) : Explore(recording, "I6");

        Assert.Equal(broken == BrokenRule.None ? [] : ["I6"], result.Violations.Select(violation => violation.Rule).Distinct());
    }

    [Theory]
    [InlineData(-1, "I2")]
    [InlineData(0, "I4")]
    [InlineData(1, "I2")]
    public void QedOnAStorageThatDropsBarriers_IsFound(int which, string rule)
    {
        CrashSubject subject = new()
        {
            Backend = new QedBackend(),
            CreateOptions = new ImageCreateOptions { VirtualSizeBytes = 64 * Block, FormatOptions = new Dictionary<string, string> { ["cluster_size"] = $"{Block}", ["table_size"] = "2" } },
            Facts = WithGarbage,
            GrowthStepBytes = _ => 16 * Block,
            Between = storage => new BarrierDropper(storage, number => which < 0 || number % 2 == which),
        };
        GuestOperation[] steps =
        [
            new(GuestOperationKind.Write, 8 * Block, Block), s_flush, new(GuestOperationKind.Write, 9 * Block, Block), new(GuestOperationKind.Write, 8 * Block, 512), s_flush,
            new(GuestOperationKind.Zero, 8 * Block, Block), new(GuestOperationKind.Write, 10 * Block, 1024), s_flush,
        ];
        CrashExploration result = Explore(CrashRecording.Record(subject, [new(GuestOperationKind.Write, 2 * Block, Block)], steps), rule);

        Assert.Contains(rule, result.Violations.Select(violation => violation.Rule));
    }

    private static CrashRecording Record(BrokenRule broken, ConsistencyMode mode, StorageFacts facts, GuestOperation[]? other = null)
    {
        CrashSubject subject = new()
        {
            Backend = new BrittleBackend(broken),
            CreateOptions = new ImageCreateOptions { VirtualSizeBytes = BrittleBackend.SpanBytes + (64 * Block), Parent = new ParentReference("first") },
            Mode = mode,
            Facts = facts,
            GrowthStepBytes = _ => Block,
            HeaderOf = file => Convert.ToHexString(file.ReadBytes(16, BrittleBackend.HeaderBytes - 16)),
            HeaderBytes = BrittleBackend.HeaderBytes,
        };
        GuestOperation[] steps =
        [
            new(GuestOperationKind.Write, 6 * Block, Block), new(GuestOperationKind.Write, (7 * Block) + 512, 1024), s_flush,
            new(GuestOperationKind.Discard, 2 * Block, Block), new(GuestOperationKind.Write, 8 * Block, Block), new(GuestOperationKind.Write, 6 * Block, 512), s_flush,
            new(GuestOperationKind.Write, BrittleBackend.SpanBytes + Block, Block), s_flush,
            new(GuestOperationKind.SetParent) { Parent = new ParentReference(new string('n', 900)) },
            new(GuestOperationKind.Write, 9 * Block, Block), new(GuestOperationKind.Reopen), new(GuestOperationKind.Write, 10 * Block, Block),
        ];
        return CrashRecording.Record(subject, [new(GuestOperationKind.Write, 2 * Block, 2 * Block)], other ?? steps);
    }

    private CrashExploration Explore(CrashRecording recording, string rule)
    {
        // As closely as a normal run looks at a case, and at no more states than it does.
        CrashExploration sum = new();
        for (int seed = 1; !sum.Violations.Any(violation => violation.Rule == rule) && sum.States < QedCrashTests.StatesInATest / 2; seed++)
        {
            sum.Add(CrashExplorer.Explore(recording, QedCrashTests.Usual with { Seed = seed, MostViolations = 200 }));
        }

        output.WriteLine($"{sum}");
        foreach (CrashViolation violation in sum.Violations.DistinctBy(violation => violation.Rule))
        {
            output.WriteLine($"{violation}");
        }

        return sum;
    }
}
