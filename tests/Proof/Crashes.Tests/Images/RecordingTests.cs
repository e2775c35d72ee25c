using QedVd.TestKit;

namespace QedVd.Crashes.Tests.Images;

/// <summary>What a seed and a number say is all that a recording depends on: or else what was found once could not be seen again.</summary>
public sealed class RecordingTests
{
    private const int Times = 20;
    private const int CasesOfEachKind = 2;

    [Fact]
    public void SameCase_RecordedAgain_LeavesTheSameTrace_HoweverBusyThePoolIs()
    {
        using var search = new ProofSearch("crash-recordings");
        Dictionary<(QedCaseKind, bool), int> met = [];
        for (long number = 0; met.Values.Sum() < CasesOfEachKind * 2 * Enum.GetValues<QedCaseKind>().Length; number++)
        {
            QedCase one = new(search, number);
            ref int count = ref System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(met, (one.Kind, one.Schedule is null), out _);
            if (count >= CasesOfEachKind)
            {
                continue;
            }

            count++;
            string first = TraceOf(search, number);
            for (int again = 1; again < Times; again++)
            {
                using CancellationTokenSource enough = new();
                if (again % 2 == 0)
                {
                    KeepPoolBusy(enough.Token);
                }

                string trace = TraceOf(search, number);
                enough.Cancel();
                Assert.True(first == trace, $"seed {search.Seed}, case {number}, recorded for the {again + 1}. time:\n{Difference(first, trace)}");
            }
        }
    }

    private static string TraceOf(ProofSearch search, long number) => string.Join('\n', new QedCase(search, number).Record().File.Trace.Select(operation =>
        FormattableString.Invariant($"{operation.Index} {operation.Epoch} {operation.Kind} {operation.Offset}+{operation.LengthBytes} covers {operation.CoveredCount} {operation.Note} {Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(operation.Data.Span))}")));

    // More than there are processors: what is handed to the pool comes late, or at once, as it happens.
    private static void KeepPoolBusy(CancellationToken enough)
    {
        for (int i = 0; i < 2 * Environment.ProcessorCount; i++)
        {
            ThreadPool.UnsafeQueueUserWorkItem(
                static enough =>
                {
                    while (!enough.IsCancellationRequested)
                    {
                        Thread.Yield();
                    }
                },
                enough,
                preferLocal: false);
        }
    }

    private static string Difference(string first, string second)
    {
        (string[] a, string[] b) = (first.Split('\n'), second.Split('\n'));
        int at = a.Zip(b).TakeWhile(pair => pair.First == pair.Second).Count();
        return $"{string.Join('\n', a.Skip(at).Take(3))}\nand then\n{string.Join('\n', b.Skip(at).Take(3))}";
    }
}
