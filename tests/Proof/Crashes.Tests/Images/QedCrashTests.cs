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

    // Open sectors at a crash point, of which a long run leaves no state out: in every case, and in thorough ones, where 16 are 65,536 states and more.
    private const int ExhaustiveInLongRuns = 10;
    private const int ExhaustiveInThoroughCases = 16;

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

        // One case is looked at by one.
        Parallel.For(0, search.IsLong && search.Only is null ? Environment.ProcessorCount : 1, _ =>
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

                lock (met)
                {
                    result.CountIn(search);
                    sum.Add(result);
                    met.UnionWith(one.Strata);
                    sequences.UnionWith(one.ShortNumber is { } sequence ? [sequence] : []);
                    crossed.UnionWith(one.Crossing is { } crossing ? [crossing] : []);
                    cases++;
                    thorough += one.IsThorough ? 1 : 0;
                }

                if (result.Violations.Count > 0)
                {
                    Volatile.Write(ref failure, $"seed {search.Seed}, case {number}: {result.Violations.Count} violations. To see it again: {search.CommandFor(number, nameof(EveryState_IsSound_HasWhatWasFlushed_AndCanBeWrittenToAgain))}\n{result.Violations[0]}\n{recording.Describe()}");
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
            Assert.True(sum.KillStates > 0 && sum.LeakStates > 0 && CrashExploration.Rules.All(rule => sum.LooksAt(rule) > 0 || rule == CrashViolation.Peer), sum.ToString());
            Assert.True(sum.LooksAt(CrashViolation.Peer) >= 24 || Peers.Find("qemu-img") is null, sum.ToString());
            (int least, int most) = search.IsLong ? (9, ExhaustiveInThoroughCases) : (Usual.ExhaustiveUnits, Usual.ExhaustiveUnits);
            Assert.True(sum.PointsOf(least, most).Exhaustive > 0 && sum.PointsOf(most + 1, int.MaxValue).Sampled > 0, sum.ToString());
            Assert.Equal(0, sum.PointsOf(1, Usual.ExhaustiveUnits).Sampled);
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
    /// How a run looks at a case. Nothing but the case and the kind of run may change it: or else a failure is not seen again. Of short ones the larger epochs
    /// are sampled alike in every run: a long run meets each in nine ways.
    /// </summary>
    private static CrashExplorerOptions Options(bool isLong, QedCase one)
    {
        bool samplesMore = isLong && one.Kind != QedCaseKind.Short;
        CrashExplorerOptions options = one.IsThorough
            ? Usual with { MostStates = samplesMore ? 4000 : 600, ExhaustiveUnits = isLong ? ExhaustiveInThoroughCases : 12, Samples = 4000 }
            : Usual with { MostStates = samplesMore ? 600 : Usual.MostStates, ExhaustiveUnits = isLong ? ExhaustiveInLongRuns : Usual.ExhaustiveUnits };
        return options with { Seed = one.Seed, PeerOneIn = 100, Peer = QemuLook.CanOpen(one.Layout) ? QemuLook.Take : null };
    }

    private static CrashExplorerOptions Closely(bool isLong, QedCase one) => Options(isLong, one) with { MostStates = 4000, ExhaustiveUnits = ExhaustiveInThoroughCases, Samples = 4000 };
}
