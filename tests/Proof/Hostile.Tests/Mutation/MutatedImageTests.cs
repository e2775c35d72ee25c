using System.Collections.Concurrent;
using QedVd.TestKit;

namespace QedVd.Hostile.Tests.Mutation;

/// <summary>
/// Valid images with one to six fields changed, or bits of any byte. A failure prints the image as a text: put into Corpus it is examined in every run.
/// <c>./test --long hostile</c> goes on.
/// </summary>
public sealed class MutatedImageTests(ITestOutputHelper output)
{
    private const string Search = "hostile-mutated";
    private const int Usual = 20_000;
    private const int MostFailures = 5;

    [Fact]
    [Trait("Long", LongTurn.Name)]
    public async Task MutatedImages_AreOpenedCheckedRepairedAndWritten_AsTheirBytesSay()
    {
        using LongTurn turn = await LongTurn.TakeAsync();
        using ProofSearch search = new(Search, "src/Abstractions", "src/Backends.Qed", "tests/Proof/PlainReader", "tests/Proof/Hostile.Tests");
        output.WriteLine($"{search}");
        ConcurrentDictionary<MutationStratum, int> strata = new();
        ConcurrentQueue<string> failures = new();
        ConcurrentDictionary<string, int> signatures = new();
        long done = 0;
        ImageExamination[] examinations = new ImageExamination[search.IsLong ? Environment.ProcessorCount : 1];
        await Task.WhenAll(Enumerable.Range(0, examinations.Length).Select(worker => Task.Run(
            async () =>
            {
                ImageExamination examination = examinations[worker] = new ImageExamination();
                while (search.GoesOn(Volatile.Read(ref done), Usual) && turn.GoesOn && failures.Count < MostFailures)
                {
                    long number = search.Next();
                    await ExamineAsync(search, number, examination, strata, signatures, failures).ConfigureAwait(false);
                    Interlocked.Add(ref done, MutationCase.Images);
                }
            },
            TestContext.Current.CancellationToken)));

        output.WriteLine($"{done} images, of them opened {examinations.Sum(one => one.Opened)}, repaired {examinations.Sum(one => one.Repaired)}, written {examinations.Sum(one => one.Written)}");
        output.WriteLine($"the most for one image: {examinations.Max(one => one.Worst.Bytes)} bytes of memory, {examinations.Max(one => one.Worst.Operations)} operations of the storage; {signatures.Count} kinds of answers");
        Assert.True(failures.IsEmpty, string.Join("\n\n", failures));
        if (done >= Usual)
        {
            Assert.All(MutationStratum.All, stratum => Assert.Contains(stratum, strata.Keys));
        }
    }

    private static async Task ExamineAsync(
        ProofSearch search,
        long number,
        ImageExamination examination,
        ConcurrentDictionary<MutationStratum, int> strata,
        ConcurrentDictionary<string, int> signatures,
        ConcurrentQueue<string> failures)
    {
        MutationCase images = new(search, number, MutationStratum.All);
        int wrong = 0;
        for (int i = 0; i < MutationCase.Images; i++)
        {
            MutatedImage image = images.Next();
            foreach (MutationStratum stratum in image.Mutations)
            {
                strata.AddOrUpdate(stratum, 1, (_, count) => count + 1);
            }

            try
            {
                long opened = examination.Opened;
                string signature = await examination.RunAsync(image.Recipe, i).ConfigureAwait(false);
                signatures.AddOrUpdate(signature, 1, (_, count) => count + 1);
                if (examination.Opened > opened)
                {
                    images.Note(image, signature);
                }
            }
            catch (Exception exception) when (exception is not OperationCanceledException)
            {
                wrong++;
                failures.Enqueue($"seed {search.Seed}, case {number}, image {i}: {exception}\n{image.Recipe}");
            }
        }

        search.Count(Measure.MutatedImages, MutationCase.Images, wrong);
        if (wrong == 0)
        {
            search.Completed(number);
        }
    }
}
