using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace QedVd.TestKit;

/// <summary>
/// The table of docs/proof.md: what the long runs of each search have counted so far, and the commit that it holds for. What was counted for other code
/// than today's is dropped when the search runs again.
/// </summary>
public sealed class ProofReport
{
    private const string Header = "| search | counted | count | wrong | next case | minutes | commit | code |";

    private readonly string _path;
    private readonly string _commit;
    private readonly string _code;

    /// <param name="path">The file that has the table at its end.</param>
    /// <param name="commit">What the figures are for.</param>
    /// <param name="code">Another one for other code.</param>
    public ProofReport(string path, string commit, string code) => (_path, _commit, _code) = (path, commit, code);

    /// <summary>The report, for figures about these folders as they are committed; null where they cannot be named so, with the reason on the console.</summary>
    public static ProofReport? Open(params string[] folders)
    {
        ArgumentNullException.ThrowIfNull(folders);
        string? commit = Git("rev-parse", "--short=10", "HEAD");
        string? trees = Git(["ls-tree", "HEAD", "--", .. folders]);
        if (commit is null || string.IsNullOrEmpty(trees) || Git(["status", "--porcelain", "--", .. folders]) != "")
        {
            Console.WriteLine($"Not added to docs/proof.md: {string.Join(", ", folders)} should be committed as they are.");
            return null;
        }

        return new ProofReport(Checkout.PathOf("docs", "proof.md"), commit, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(trees)))[..10]);
    }

    /// <summary>The number of the first case that no long run of the search has completed, with today's code.</summary>
    public long NextOf(string search)
    {
        using FileStream file = OpenAlone();
        return Rows(Lines(file)).Where(row => row.Search == search && row.Code == _code).Select(row => row.Next).DefaultIfEmpty(0).Max();
    }

    /// <summary>Adds what a run of the search counted.</summary>
    public void Add(string search, IReadOnlyDictionary<Measure, (long Count, long Wrong)> counts, long next, TimeSpan took)
    {
        ArgumentNullException.ThrowIfNull(counts);

        using FileStream file = OpenAlone();
        string[] lines = Lines(file);
        int table = Array.IndexOf(lines, Header);
        List<Row> rows = [.. Rows(lines).Where(row => row.Search != search || row.Code == _code)];
        foreach ((Measure measure, (long count, long wrong)) in counts)
        {
            int at = rows.FindIndex(row => row.Search == search && row.Measure == measure.Name);
            Row old = at < 0 ? new Row(search, measure.Name, 0, 0, 0, 0, _commit, _code) : rows[at];
            (long sum, long sumOfWrong) = measure.Combine((old.Count, old.Wrong), (count, wrong));
            Row sumRow = old with { Count = sum, Wrong = sumOfWrong, Next = Math.Max(old.Next, next), Minutes = old.Minutes + took.TotalMinutes };
            if (at < 0)
            {
                rows.Add(sumRow);
            }
            else
            {
                rows[at] = sumRow;
            }
        }

        // The rows of one search stay in the order in which it counts: what says more about a figure stands behind it.
        string[] text = [.. lines[..(table + 2)], .. rows.OrderBy(row => row.Search, StringComparer.Ordinal).Select(row => row.ToString())];
        file.SetLength(0);
        file.Write(Encoding.UTF8.GetBytes(string.Join('\n', text) + "\n"));
    }

    private static IEnumerable<Row> Rows(string[] lines) => lines.SkipWhile(line => line != Header).Skip(2).TakeWhile(line => line.StartsWith('|')).Select(Row.Parse);

    private static string[] Lines(FileStream file)
    {
        using var reader = new StreamReader(file, leaveOpen: true);
        return reader.ReadToEnd().TrimEnd('\n').Split('\n');
    }

    // Projects run side by side, and write what others read.
    private FileStream OpenAlone()
    {
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                return new FileStream(_path, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (attempt < 100)
            {
                SyncIo.Block(Task.Delay(50));
            }
        }
    }

    private static string? Git(params string[] arguments)
    {
        if (Peers.Find("git") is not { } git)
        {
            return null;
        }

        using Process process = Process.Start(new ProcessStartInfo(git, ["-C", Checkout.Root, .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        _ = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd().Trim();
        process.WaitForExit();
        return process.ExitCode == 0 ? output : null;
    }

    private sealed record Row(string Search, string Measure, long Count, long Wrong, long Next, double Minutes, string Commit, string Code)
    {
        public static Row Parse(string line)
        {
            string[] cells = [.. line.Trim('|').Split('|').Select(cell => cell.Trim())];
            return new Row(cells[0], cells[1], Number(cells[2]), Number(cells[3]), Number(cells[4]), double.Parse(cells[5], CultureInfo.InvariantCulture), cells[6], cells[7]);
        }

        public override string ToString() => FormattableString.Invariant($"| {Search} | {Measure} | {Count:N0} | {Wrong:N0} | {Next:N0} | {Minutes:F1} | {Commit} | {Code} |");

        private static long Number(string cell) => long.Parse(cell, NumberStyles.AllowThousands, CultureInfo.InvariantCulture);
    }
}
