using System.Text.Json;
using QedVd.TestKit;

namespace QedVd.Architecture.Tests.Mutation;

/// <summary>What became of the changes to one file.</summary>
/// <param name="File">From the root of the repository.</param>
/// <param name="Mutants">How many were tried.</param>
/// <param name="Survivors">Those that no test noticed, in the order of the file's lines.</param>
public sealed record MutatedFile(string File, int Mutants, IReadOnlyList<Survivor> Survivors)
{
    private static readonly string[] s_detected = ["Killed", "Timeout"];
    private static readonly string[] s_undetected = ["Survived", "NoCoverage"];

    /// <summary>The files of a report in the mutation testing report schema. A file without code that could be changed is in none.</summary>
    public static IReadOnlyList<MutatedFile> Read(JsonElement report) =>
        [.. report.GetProperty("files").EnumerateObject().Select(each => Read(Path.GetRelativePath(Checkout.Root, each.Name).Replace('\\', '/'), each.Value))];

    private static MutatedFile Read(string file, JsonElement report)
    {
        string source = report.GetProperty("source").GetString()!;
        JsonElement[] tried = [.. report.GetProperty("mutants").EnumerateArray().Where(mutant => HasStatus(mutant, s_detected) || HasStatus(mutant, s_undetected))];
        return new MutatedFile(file, tried.Length, [.. tried.Where(mutant => HasStatus(mutant, s_undetected)).OrderBy(mutant => Place(mutant, "start")).Select(Survivor)]);

        Survivor Survivor(JsonElement mutant) => Mutation.Survivor.Of(source, Place(mutant, "start"), Place(mutant, "end"), mutant.GetProperty("replacement").GetString()!);
    }

    private static bool HasStatus(JsonElement mutant, string[] some) => some.Contains(mutant.GetProperty("status").GetString());

    private static (int Line, int Column) Place(JsonElement mutant, string which)
    {
        JsonElement place = mutant.GetProperty("location").GetProperty(which);
        return (place.GetProperty("line").GetInt32(), place.GetProperty("column").GetInt32());
    }
}
