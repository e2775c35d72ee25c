using System.Diagnostics;
using System.Globalization;
using QedVd.TestKit;

namespace QedVd.Crashes.Tests.Images;

/// <summary>
/// What a crash may leave of a QED image, at any instant of the workloads of <see cref="QedCase"/>. A failure names a seed and a case:
/// <c>QEDVD_CRASH_CASE=N ./test --long crash --seed S</c> looks at that one, more closely.
/// </summary>
public sealed class QedCrashTests(ITestOutputHelper output)
{
    private const int StatesInATest = 50_500;

    [Fact]
    [Trait("Long", "crash")]
    public void EveryState_IsSound_HasWhatWasFlushed_AndCanBeWrittenToAgain()
    {
        using var search = new ProofSearch("crash-images", "src/Abstractions", "src/Backends.Qed");
        string? only = Environment.GetEnvironmentVariable("QEDVD_CRASH_CASE");
        CrashExploration sum = new();
        HashSet<string> met = [];
        long cases = 0;
        TimeSpan processor = Process.GetCurrentProcess().TotalProcessorTime;
        for (long number = only is null ? search.Next() : long.Parse(only, CultureInfo.InvariantCulture);
            only is null ? search.GoesOn(sum.States, StatesInATest) : cases == 0;
            number = search.Next())
        {
            QedCase one = new(search, number);
            CrashRecording recording = one.Record();
            CrashExploration result = CrashExplorer.Explore(recording, Options(search, one, isAlone: only is not null));
            sum.Add(result);
            met.UnionWith(one.Strata);
            cases++;
            search.Count(Measure.CrashStates, result.States, result.Violations.Count);
            if (result.Violations.Count > 0)
            {
                Assert.Fail($"seed {search.Seed}, case {number}: {result.Violations.Count} violations. To see it again: QEDVD_CRASH_CASE={number} ./test --long crash --seed {search.Seed}\n{result.Violations[0]}\n{recording.Describe()}");
            }
        }

        processor = Process.GetCurrentProcess().TotalProcessorTime - processor;
        output.WriteLine($"{search}: {cases} cases, {sum}, {processor.TotalSeconds:F1} s of processor time");
        if (only is null && sum.States >= StatesInATest)
        {
            Assert.Empty(QedCase.AllStrata.Except(met));
            Assert.True(sum.KillStates > 0 && sum.RecoveryStates > 0 && sum.SecondReadings > 0 && sum.LeakStates > 0, sum.ToString());
            Assert.True(sum.PeerLooks >= 24 || Peers.Find("qemu-img") is null, sum.ToString());
        }
    }

    private static CrashExplorerOptions Options(ProofSearch search, QedCase one, bool isAlone)
    {
        bool isThorough = isAlone || (search.IsLong ? one.Number % 40 == 0 : one.Number % 50 == 0);
        return new CrashExplorerOptions
        {
            Seed = one.Seed,
            MostStates = isAlone || (isThorough && search.IsLong) ? 4000 : isThorough ? 300 : 32,
            ExhaustiveUnits = isThorough ? (search.IsLong ? 16 : 12) : 6,
            Samples = isThorough ? 4000 : 40,
            PeerOneIn = 1200,
            Peer = QemuLook.CanOpen(one.Layout) ? QemuLook.Take : null,
        };
    }
}
