using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace QedVd.Architecture.Tests.Mutation;

/// <summary>
/// The tables of docs/mutants.md: for each file how many changes to it were tried, and how many of them no test has noticed. What was counted for a file
/// holds while that stays as it is. Tests may come; who takes one away should delete the rows of what it tested.
/// </summary>
/// <param name="path">The file that has the tables at its end.</param>
/// <param name="root">What the names of files are relative to.</param>
public sealed class MutantReport(string path, string root)
{
    private const string SumHeader = "| folder | mutants | noticed | share |";
    private const string Header = "| file | mutants | survived | commit | content |";

    private readonly SortedDictionary<string, Row> _rows = Read(path);

    /// <summary>The files that have a row.</summary>
    public IEnumerable<string> Files => _rows.Keys;

    /// <summary>Whether the changes to a file were tried, as it is now.</summary>
    public bool Holds(string file) => _rows.TryGetValue(file, out Row? row) && row.Content == ContentOf(file);

    /// <summary>Whether some of them survived, at another commit: there may be tests now that notice them.</summary>
    public bool MayBeBetter(string file, string commit) => _rows.TryGetValue(file, out Row? row) && row.Survived > 0 && row.Commit != commit;

    /// <summary>How many of them survived; 0 where none were tried.</summary>
    public int SurvivorsOf(string file) => _rows.GetValueOrDefault(file)?.Survived ?? 0;

    /// <summary>Notes what was counted for a file while it had a content, instead of what was before.</summary>
    public void Set(string file, int mutants, int survived, string commit, string content) => _rows[file] = new Row(file, mutants, survived, commit, content);

    /// <summary>Another word for another content of the file.</summary>
    public string ContentOf(string file)
    {
        string full = Path.Combine(root, file);
        return File.Exists(full) ? Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(File.ReadAllText(full).ReplaceLineEndings("\n"))))[..10] : "";
    }

    /// <summary>Writes the tables anew, without files that are no more.</summary>
    public void Save(IReadOnlyList<string> folders)
    {
        string[] words = [.. File.ReadAllLines(path).TakeWhile(line => line != SumHeader)];
        Row[] rows = [.. _rows.Values.Where(row => File.Exists(Path.Combine(root, row.File)))];
        IEnumerable<string> sums = folders.Select(folder => Sum(folder, [.. rows.Where(row => row.File.StartsWith(folder + "/", StringComparison.Ordinal))]));
        File.WriteAllLines(path, [.. words, SumHeader, "|---|---:|---:|---:|", .. sums, "", Header, "|---|---:|---:|---|---|", .. rows.Select(row => row.ToString())]);
    }

    private static SortedDictionary<string, Row> Read(string path) =>
        new(File.ReadLines(path).SkipWhile(line => line != Header).Skip(2).Select(Row.Parse).ToDictionary(row => row.File), StringComparer.Ordinal);

    private static string Sum(string folder, Row[] rows)
    {
        int mutants = rows.Sum(row => row.Mutants);
        int noticed = mutants - rows.Sum(row => row.Survived);
        return string.Create(CultureInfo.InvariantCulture, $"| {folder} | {mutants:N0} | {noticed:N0} | {(mutants == 0 ? 0 : 100.0 * noticed / mutants):F1} % |");
    }

    private sealed record Row(string File, int Mutants, int Survived, string Commit, string Content)
    {
        public static Row Parse(string line)
        {
            string[] cells = [.. line.Trim('|').Split('|').Select(cell => cell.Trim())];
            return new Row(cells[0], int.Parse(cells[1], CultureInfo.InvariantCulture), int.Parse(cells[2], CultureInfo.InvariantCulture), cells[3], cells[4]);
        }

        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"| {File} | {Mutants} | {Survived} | {Commit} | {Content} |");
    }
}
