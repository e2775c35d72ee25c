using System.Diagnostics;
using QedVd.TestKit;

namespace QedVd.Crashes.Tests.Images;

/// <summary>
/// What a crash may leave of a QED image, at any instant of the workloads of <see cref="QedCase"/>. A case that is looked at alone is looked at more closely.
/// </summary>
public sealed class QedCrashTests(ITestOutputHelper output)
{
    private const int StatesInATest = 50_500;

    [Fact]
    [Trait("Long", "crash")]
    public void EveryState_IsSound_HasWhatWasFlushed_AndCanBeWrittenToAgain()
    {
        using var search = new ProofSearch("crash-images", "src/Abstractions", "src/Backends.Qed", "tests/Proof/PlainReader", "tests/Proof/Crashes.Tests");
        CrashExploration sum = new();
        HashSet<string> met = [];
        string? failure = null;
        long cases = 0;
        TimeSpan processor = Process.GetCurrentProcess().TotalProcessorTime;
        Parallel.For(0, search.IsLong ? Environment.ProcessorCount : 1, _ =>
        {
            for (long number = search.Next(); search.GoesOn(sum.States, StatesInATest) && Volatile.Read(ref failure) is null; number = search.Next())
            {
                QedCase one = new(search, number);
                CrashRecording recording = one.Record();
                CrashExploration result = CrashExplorer.Explore(recording, Options(search, one, isAlone: search.Only is not null));
                search.Count(Measure.CrashStates, result.States, result.Violations.Count);
                lock (met)
                {
                    sum.Add(result);
                    met.UnionWith(one.Strata);
                    cases++;
                }

                if (result.Violations.Count > 0)
                {
                    Volatile.Write(ref failure, $"seed {search.Seed}, case {number}: {result.Violations.Count} violations. To see it again: ./test --long crash --seed {search.Seed} --case {number}\n{result.Violations[0]}\n{recording.Describe()}");
                }
                else
                {
                    search.Completed(number);
                }
            }
        });

        Assert.True(failure is null, failure);
        processor = Process.GetCurrentProcess().TotalProcessorTime - processor;
        output.WriteLine($"{search}: {cases} cases, {sum}, {processor.TotalSeconds:F1} s of processor time");
        if (search.Only is null && sum.States >= StatesInATest)
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
            MostStates = isAlone || (isThorough && search.IsLong) ? 4000 : isThorough || search.IsLong ? 300 : 32,
            ExhaustiveUnits = isThorough ? (search.IsLong ? 16 : 12) : 6,
            Samples = isThorough ? 4000 : 40,
            PeerOneIn = 1200,
            Peer = QemuLook.CanOpen(one.Layout) ? QemuLook.Take : null,
        };
    }
}
