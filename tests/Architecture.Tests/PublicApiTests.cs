using System.Reflection;
using QedVd.TestKit;

namespace QedVd.Architecture.Tests;

/// <summary>The public surface of every library is a committed text; a change to it is seen in review, and accepted on purpose.</summary>
public sealed class PublicApiTests
{
    private static bool Accepting => Environment.GetEnvironmentVariable("QEDVD_ACCEPT_API") == "1";

    public static TheoryData<string> Libraries => [.. SourceProjects.Libraries];

    [Theory]
    [MemberData(nameof(Libraries))]
    public void PublicSurface_IsTheCommittedText(string library)
    {
        string file = TextOf(library);
        string actual = PublicApi.Render(Assembly.Load(library));
        if (Accepting)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllText(file, actual);
            return;
        }

        string expected = File.Exists(file) ? File.ReadAllText(file).ReplaceLineEndings("\n") : "";
        if (expected != actual)
        {
            Assert.Fail($"""
                The public surface of {library} is not the one in {Path.GetRelativePath(Checkout.Root, file)} (- committed, + built):

                {LineDiff.Between(expected, actual)}

                If that is meant: ./test --accept-api, read the change with git diff, and commit it with the code.
                """);
        }
    }

    [Fact]
    public void EveryCommittedText_BelongsToALibrary()
    {
        string[] texts = [.. Directory.GetFiles(Checkout.PathOf("tests", "Architecture.Tests", "PublicApi"), "*.txt").Select(file => Path.GetFileNameWithoutExtension(file))];

        Assert.Empty(texts.Except(SourceProjects.Libraries));
    }

    private static string TextOf(string library) => Checkout.PathOf("tests", "Architecture.Tests", "PublicApi", library + ".txt");
}
