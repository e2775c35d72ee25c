using QedVd.Backends.Qed;
using QedVd.TestKit;

namespace QedVd.Crashes.Tests.Images.Brittle;

/// <summary>The explorer finds what it is there for: each rule, broken alone, shows; none broken, nothing does.</summary>
public sealed class ExplorerProofTests(ITestOutputHelper output)
{
    private const int Block = BrittleBackend.BlockBytes;
    private const StorageFacts WithGarbage = SimulatedFile.GoodFacts & ~StorageFacts.NeverWrittenReadsZero;

    private static readonly QedLayout s_layout = new(Block, tableClusters: 2);
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
    [InlineData(BrokenRule.OpeningOfMarked, ConsistencyMode.Lazy, SimulatedFile.GoodFacts, "I1")]
    [InlineData(BrokenRule.EndOfOpening, ConsistencyMode.Lazy, SimulatedFile.GoodFacts, "I1")]
    [InlineData(BrokenRule.MarkAfterRecovery, ConsistencyMode.Lazy, SimulatedFile.GoodFacts, "I5")]
    [InlineData(BrokenRule.LengthAfterRecovery, ConsistencyMode.Lazy, SimulatedFile.GoodFacts, "I5")]
    [InlineData(BrokenRule.UsedBlocksAfterRecovery, ConsistencyMode.Lazy, SimulatedFile.GoodFacts, "I7")]
    [InlineData(BrokenRule.MarkDuringRecovery, ConsistencyMode.Lazy, SimulatedFile.GoodFacts, "I8")]
    [InlineData(BrokenRule.ReadOnlyOpening, ConsistencyMode.Lazy, SimulatedFile.GoodFacts, "I12")]
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
    [InlineData(BrokenRule.None, false)]
    [InlineData(BrokenRule.SizeAtOnce, false)]
    [InlineData(BrokenRule.None, true)]
    public void GrowthThatIsNeitherOldNorNew_OrShowsWhatLiesBeneath_IsFound(BrokenRule broken, bool showsParent)
    {
        long size = BrittleBackend.SpanBytes + (64 * Block);
        ParentLevels parents = showsParent ? new ParentLevels((2 * size, [(size + Block, size + (2 * Block))])) : new ParentLevels();
        CrashRecording recording = Record(broken, ConsistencyMode.Ordered, SimulatedFile.GoodFacts,
            [new(GuestOperationKind.Write, 6 * Block, Block), new(GuestOperationKind.Resize, size + (8 * Block)), new(GuestOperationKind.Write, size, Block), s_flush], parents);
        bool isSound = broken == BrokenRule.None && !showsParent;
        CrashExploration result = isSound ? CrashExplorer.Explore(recording, QedCrashTests.Usual) : Explore(recording, "I11");

        Assert.Equal(isSound ? [] : ["I11"], result.Violations.Select(violation => violation.Rule).Distinct());
    }

    [Theory]
    [InlineData("size")]
    [InlineData("errors")]
    [InlineData("content")]
    public void SecondReaderThatFindsSomethingElse_IsFound(string what)
    {
        CrashExploration result = CrashExplorer.Explore(RecordQed(file => new OtherReading(new SecondReading(file), what)), QedCrashTests.Usual);

        Assert.Equal([CrashViolation.SecondReader], result.Violations.Select(violation => violation.Rule).Distinct());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void WhatQemuFindsOtherwise_IsFound(bool inItsCheck)
    {
        Peers.Require("qemu-img");
        CrashExplorerOptions options = QedCrashTests.Usual with
        {
            PeerOneIn = 1,
            MostViolations = 1,
            Peer = look => QemuLook.Take(inItsCheck
                ? look with { File = Damaged(look.File) }
                : look with { Seen = look.Seen.ToDictionary(pair => pair.Key, pair => pair.Value ^ 1) }),
        };
        CrashExploration result = CrashExplorer.Explore(RecordQed(file => new SecondReading(file)), options);

        CrashViolation violation = Assert.Single(result.Violations);
        Assert.Equal(CrashViolation.Peer, violation.Rule);
        Assert.Contains(inItsCheck ? "qemu-img check ended with" : "for QEMU", violation.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(BrokenRule.None)]
    [InlineData(BrokenRule.DataBeforeEntry)]
    public void StateThatIsWrong_IsShownToThePeer_HoweverFewOthersAre(BrokenRule broken)
    {
        CrashExplorerOptions options = QedCrashTests.Usual with { PeerOneIn = int.MaxValue, Peer = _ => null, MostViolations = 200 };
        CrashExploration result = CrashExplorer.Explore(Record(broken, ConsistencyMode.Ordered, WithGarbage), options);

        Assert.Equal(broken != BrokenRule.None, result.Violations.Count > 0);
        Assert.Equal(broken != BrokenRule.None, result.LooksAt(CrashViolation.Peer) > 0);
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

    private static CrashRecording RecordQed(Func<SimulatedFile, IPlainReading> secondReader)
    {
        CrashSubject subject = new()
        {
            Backend = new QedBackend(),
            CreateOptions = new ImageCreateOptions { VirtualSizeBytes = s_layout.SizeBytes, FormatOptions = new Dictionary<string, string> { ["cluster_size"] = $"{Block}", ["table_size"] = "2" } },
            GrowthStepBytes = _ => 16 * Block,
            SecondReader = secondReader,
        };
        return CrashRecording.Record(subject, s_layout.Prelude(withHoles: false), [new(GuestOperationKind.Write, 8 * Block, Block), s_flush, new(GuestOperationKind.Write, 9 * Block, 1024)]);
    }

    private static SimulatedFile Damaged(SimulatedFile file)
    {
        SimulatedFile copy = file.Copy();
        QedDamage.Of(s_layout, kinds: 2)(copy);
        return copy;
    }

    private static CrashRecording Record(BrokenRule broken, ConsistencyMode mode, StorageFacts facts, GuestOperation[]? other = null, ParentLevels? parents = null)
    {
        CrashSubject subject = new()
        {
            Backend = new BrittleBackend(broken),
            CreateOptions = new ImageCreateOptions { VirtualSizeBytes = BrittleBackend.SpanBytes + (64 * Block), Parent = new ParentReference("first") },
            Mode = mode,
            Facts = facts,
            Parents = parents ?? new ParentLevels(),
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

    /// <summary>A second reader that has one thing wrong.</summary>
    private sealed class OtherReading(SecondReading reading, string what) : IPlainReading
    {
        public long VirtualSizeBytes => reading.VirtualSizeBytes + (what == "size" ? SparseBytes.SectorBytes : 0);

        public bool NeedsCheck => reading.NeedsCheck;

        public IReadOnlyList<string> Errors => what == "errors" ? ["one"] : reading.Errors;

        public ExtentKind Read(long offset, Span<byte> sector) => reading.Read(offset, sector) is var kind && what == "content" && kind == ExtentKind.Data ? ExtentKind.Zero : kind;

        public void Dispose() => reading.Dispose();
    }
}
