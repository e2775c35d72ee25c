using System.Diagnostics;
using QedVd.TestKit;

namespace QedVd.Crashes.Tests.Images;

/// <summary>
/// What a crash may leave of a QED image, at any instant of the workloads of <see cref="QedCase"/>. A case that is looked at alone is looked at more closely.
/// </summary>
public sealed class QedCrashTests(ITestOutputHelper output)
{
    internal const int StatesInATest = 50_500;

    /// <summary>How closely a normal run looks at most cases.</summary>
    internal static CrashExplorerOptions Usual { get; } = new() { MostStates = 128, ExhaustiveUnits = 6, Samples = 40 };

    [Fact]
    [Trait("Long", "crash")]
    public void EveryState_IsSound_HasWhatWasFlushed_AndCanBeWrittenToAgain()
    {
        using var search = new ProofSearch("crash-images", "src/Abstractions", "src/Backends.Qed", "tests/Proof/PlainReader", "tests/Proof/Crashes.Tests/Images");
        CrashExploration sum = new();
        HashSet<string> met = [];
        HashSet<long> sequences = [];
        HashSet<long> crossed = [];
        string? failure = null;
        long cases = 0;
        long thorough = 0;
        TimeSpan processor = Process.GetCurrentProcess().TotalProcessorTime;
        Parallel.For(0, search.IsLong ? Environment.ProcessorCount : 1, _ =>
        {
            for (long number = search.Next(); search.GoesOn(sum.States, StatesInATest) && Volatile.Read(ref failure) is null; number = search.Next())
            {
                QedCase one = new(search, number);
                CrashRecording recording = one.Record();
                CrashExploration result = CrashExplorer.Explore(recording, Options(search.IsLong, one));
                if (search.Only is not null && result.Violations.Count == 0)
                {
                    // What a run has seen is seen again first.
                    result.Add(CrashExplorer.Explore(recording, Closely(search.IsLong, one)));
                }

                search.Count(Measure.CrashStates, result.States, result.Violations.Count);
                lock (met)
                {
                    sum.Add(result);
                    met.UnionWith(one.Strata);
                    sequences.UnionWith(one.ShortNumber is { } sequence ? [sequence] : []);
                    crossed.UnionWith(one.Crossing is { } crossing ? [crossing] : []);
                    cases++;
                    thorough += one.IsThorough ? 1 : 0;
                }

                if (result.Violations.Count > 0)
                {
                    Volatile.Write(ref failure, $"seed {search.Seed}, case {number}: {result.Violations.Count} violations. To see it again: ./test {(search.IsLong ? "--long crash" : $"--filter {nameof(EveryState_IsSound_HasWhatWasFlushed_AndCanBeWrittenToAgain)}")} --seed {search.Seed} --case {number}\n{result.Violations[0]}\n{recording.Describe()}");
                }
                else
                {
                    search.Completed(number);
                }
            }
        });

        Assert.True(failure is null, failure);
        processor = Process.GetCurrentProcess().TotalProcessorTime - processor;
        output.WriteLine($"{search}: {cases} cases ({thorough} thorough; {sequences.Count} of the {QedLetter.ShortSequences} sequences of one and two letters, {crossed.Count} of {QedCase.Crossed} with mode and memory), {sum}, {processor.TotalSeconds:F1} s of processor time");
        if (search.Only is null && sum.States >= StatesInATest)
        {
            Assert.Empty(QedCase.AllStrata.Except(met));
            Assert.True(sum.KillStates > 0 && sum.RecoveryStates > 0 && sum.SecondReadings > 0 && sum.LeakStates > 0, sum.ToString());
            Assert.True(sum.PeerLooks >= 24 || Peers.Find("qemu-img") is null, sum.ToString());
        }
    }

    [Fact]
    public void OneRound_MeetsEverySequenceOfOneAndTwoLetters_InEveryModeAndMemory()
    {
        using var search = new ProofSearch("crash-round");
        HashSet<(string Letters, ConsistencyMode Mode, int Pages)> met = [];
        for (long number = 0; number < QedCase.Round; number++)
        {
            QedCase one = new(search, number);
            if (one.Kind == QedCaseKind.Short)
            {
                met.Add((string.Join(", ", one.Letters), one.Mode, one.TablePages));
            }
        }

        Assert.Equal(QedCase.Crossed, met.Count);
    }

    /// <summary>
    /// How a run looks at a case. Nothing but the case and the kind of run may change it: or else a failure is not seen again. Short ones are looked at alike in
    /// every run: a long run meets each in nine ways.
    /// </summary>
    private static CrashExplorerOptions Options(bool isLong, QedCase one)
    {
        CrashExplorerOptions options = (isLong && one.Kind != QedCaseKind.Short, one.IsThorough) switch
        {
            (false, false) => Usual,
            (true, false) => Usual with { MostStates = 600 },
            (false, true) => Usual with { MostStates = 600, ExhaustiveUnits = 12, Samples = 4000 },
            _ => Usual with { MostStates = 4000, ExhaustiveUnits = 16, Samples = 4000 },
        };
        return options with { Seed = one.Seed, PeerOneIn = 100, Peer = QemuLook.CanOpen(one.Layout) ? QemuLook.Take : null };
    }

    private static CrashExplorerOptions Closely(bool isLong, QedCase one) => Options(isLong, one) with { MostStates = 4000, ExhaustiveUnits = 16, Samples = 4000 };
}
