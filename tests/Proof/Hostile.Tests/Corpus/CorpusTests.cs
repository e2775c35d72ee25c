using QedVd.Hostile.Tests.Mutation;
using QedVd.TestKit;

namespace QedVd.Hostile.Tests.Corpus;

/// <summary>Images that were answered wrongly once, or that show a kind of answer of their own: each is examined in every run.</summary>
public sealed class CorpusTests
{
    private static readonly string s_folder = Checkout.PathOf("tests", "Proof", "Hostile.Tests", "Corpus", "Images");

    public static TheoryData<string> Names => [.. Directory.EnumerateFiles(s_folder, "*.txt").Select(path => Path.GetFileNameWithoutExtension(path)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task ImageOfTheCorpus_IsAnsweredAsItsBytesSay(string name)
    {
        ImageRecipe recipe = ImageRecipe.Parse(await File.ReadAllTextAsync(Path.Combine(s_folder, name + ".txt"), TestContext.Current.CancellationToken));

        // What is done depends on the number: each kind of it once.
        for (int number = 0; number < ImageExamination.Variants; number++)
        {
            await new ImageExamination().RunAsync(recipe, number);
        }
    }
}
