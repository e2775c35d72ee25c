// Adds up what coverlet counted in several test programs (coverage.json each) and prints one line of figures.
// Less than the least shares is an error, said in a line of its own.
// usage: dotnet run eng/coverage.cs -- FOLDER
using System.Globalization;
using System.Text.Json;

const double LeastLines = 98;
const double LeastBranches = 95;

(string Name, string Folder)[] parts = [("Backends.Qed", "/src/Backends.Qed/"), ("Host/Chains", "/src/Host/Chains/")];
Dictionary<string, bool> lines = [];
Dictionary<string, bool> branches = [];
string[] files = Directory.GetFiles(args[0], "coverage.json", SearchOption.AllDirectories);
foreach (string file in files)
{
    using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(file));
    foreach (JsonProperty module in document.RootElement.EnumerateObject())
    {
        foreach (JsonProperty source in module.Value.EnumerateObject())
        {
            foreach (JsonProperty method in source.Value.EnumerateObject().SelectMany(type => type.Value.EnumerateObject()))
            {
                foreach (JsonProperty line in method.Value.GetProperty("Lines").EnumerateObject())
                {
                    Add(lines, $"{source.Name}\t{line.Name}", line.Value.GetInt64() > 0);
                }

                foreach (JsonElement branch in method.Value.GetProperty("Branches").EnumerateArray())
                {
                    // The place in the method's code tells branches of one line apart.
                    string place = string.Join(' ', new[] { "Line", "Offset", "EndOffset", "Path" }.Select(name => branch.GetProperty(name).GetInt64().ToString(CultureInfo.InvariantCulture)));
                    Add(branches, $"{source.Name}\t{method.Name} {place}", branch.GetProperty("Hits").GetInt64() > 0);
                }
            }
        }
    }
}

if (files.Length == 0)
{
    Console.Error.WriteLine("coverage: no test program has left figures.");
    return 1;
}

Console.WriteLine($"coverage: {string.Join("; ", parts.Select(part => $"{part.Name} {Shown(Share(lines, part.Folder))} % lines, {Shown(Share(branches, part.Folder))} % branches"))}");
File.WriteAllLines(
    Path.Combine(args[0], "not-covered.txt"),
    lines.Concat(branches).Where(place => !place.Value && parts.Any(part => place.Key.Contains(part.Folder, StringComparison.Ordinal))).Select(place => place.Key).Order(StringComparer.Ordinal));

// Written so that a share of nothing is too little.
string[] tooFew = [.. parts.Where(part => !(Share(lines, part.Folder) >= LeastLines && Share(branches, part.Folder) >= LeastBranches)).Select(part => part.Name)];
if (tooFew.Length > 0)
{
    Console.Error.WriteLine($"coverage: {string.Join(", ", tooFew)}: less than {Shown(LeastLines)} % of the lines, or {Shown(LeastBranches)} % of the branches.");
    return 1;
}

return 0;

static void Add(Dictionary<string, bool> places, string place, bool isHit) => places[place] = isHit || places.GetValueOrDefault(place);

static double Share(Dictionary<string, bool> places, string folder)
{
    bool[] hits = [.. places.Where(place => place.Key.Contains(folder, StringComparison.Ordinal)).Select(place => place.Value)];
    return 100.0 * hits.Count(hit => hit) / hits.Length;
}

static string Shown(double share) => share.ToString("F1", CultureInfo.InvariantCulture);
