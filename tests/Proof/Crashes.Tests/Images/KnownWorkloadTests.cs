using QedVd.TestKit;

namespace QedVd.Crashes.Tests.Images;

/// <summary>
/// Workloads in which something was found once. The number of a case says nothing any more when the cases are numbered otherwise: here each is written out.
/// </summary>
public sealed class KnownWorkloadTests(ITestOutputHelper output)
{
    private const int Cluster = 4096;
    private const StorageFacts WithGarbage = SimulatedFile.GoodFacts & ~StorageFacts.NeverWrittenReadsZero;

    private static readonly QedLayout s_layout = new(Cluster, tableClusters: 2);
    private static readonly GuestOperation s_flush = new(GuestOperationKind.Flush);
    private static readonly GuestOperation s_compact = new(GuestOperationKind.Compact);

    private static readonly Dictionary<string, (ConsistencyMode Mode, StorageFacts Facts, GuestOperation[] Steps)> s_all = new()
    {
        // A length that was cut counted as durable: entries survived that lead behind the end.
        ["growth where a compaction has cut"] = (ConsistencyMode.Ordered, SimulatedFile.GoodFacts,
            [Write(50, 8), s_flush, Discard(50, 8), s_flush, s_compact, Write(60, 3), s_flush, Write(64, 1)]),
        ["growth where nothing promises zeros and a compaction has cut"] = (ConsistencyMode.Ordered, WithGarbage,
            [Write(50, 8), s_flush, Discard(50, 8), s_flush, s_compact, Write(60, 3), s_flush, Write(64, 1)]),
        ["growth while a compaction cuts"] = (ConsistencyMode.Ordered, SimulatedFile.GoodFacts,
            [Write(50, 8), s_flush, Discard(50, 8), s_flush, Together(s_compact, Write(60, 3), s_flush), Write(64, 1), s_flush]),
        ["growth where a smaller disk has cut"] = (ConsistencyMode.Ordered, SimulatedFile.GoodFacts,
            [Write(50, 8), s_flush, new(GuestOperationKind.Resize, 45 * Cluster), new(GuestOperationKind.Resize, s_layout.SizeBytes), Write(60, 3), s_flush]),

        // A new size became visible before the old header was there for certain.
        ["growth of the disk beside writes"] = (ConsistencyMode.Ordered, SimulatedFile.GoodFacts,
            [Together(new(GuestOperationKind.Resize, s_layout.SizeBytes + (4 * Cluster)), Write(6, 1), s_flush), Write(7, 2), s_flush]),

        // What leaks while a recovery grows the file was bounded too tightly; by the search, not by the engine.
        ["larger tables, killed, and written to again"] = (ConsistencyMode.Unsafe, SimulatedFile.GoodFacts,
            [Write(14, 1), Write(20, 1), new(GuestOperationKind.Resize, s_layout.MaxSizeBytes + s_layout.TableSpanBytes + 512), Write(20, 1)]),
    };

    public static TheoryData<string> Names => [.. s_all.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Workload_ThatFoundSomethingOnce_FindsNothing(string name)
    {
        (ConsistencyMode mode, StorageFacts facts, GuestOperation[] steps) = s_all[name];
        CrashRecording recording = CrashRecording.Record(s_layout.Subject(QedParents.None, mode, facts) with { Description = name }, s_layout.Prelude(withHoles: true), steps);
        CrashExploration result = CrashExplorer.Explore(recording, QedCrashTests.Usual with { MostStates = 1000, ExhaustiveUnits = 10, Samples = 400 });

        output.WriteLine($"{name}: {result}");
        Assert.True(result.Violations.Count == 0, $"{result.Violations.Select(violation => violation.ToString()).FirstOrDefault()}\n{recording.Describe()}");
        Assert.True(result.States > 30, $"{result}");
    }

    private static GuestOperation Write(int cluster, int clusters) => new(GuestOperationKind.Write, (long)cluster * Cluster, (long)clusters * Cluster);

    private static GuestOperation Discard(int cluster, int clusters) => new(GuestOperationKind.Discard, (long)cluster * Cluster, (long)clusters * Cluster);

    private static GuestOperation Together(params GuestOperation[] steps) => new(GuestOperationKind.Together) { Together = steps, HeldAt = StorageOperationKind.Write };
}
