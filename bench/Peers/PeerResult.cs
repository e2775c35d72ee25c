using System.Globalization;

namespace QedVd.Bench.Peers;

/// <summary>The medians of one comparison, in seconds.</summary>
internal sealed record PeerResult(PeerWork Work, IReadOnlyDictionary<string, double> Medians)
{
    private double OursSeconds => Medians[PeerWork.Ours];

    private (string Label, double Seconds) BestPeer =>
        Medians.Where(m => m.Key is not (PeerWork.Ours or PeerWork.OursBase) && !m.Key.StartsWith(PeerWork.Beside, StringComparison.Ordinal)).Select(m => (m.Key, m.Value)).MinBy(m => m.Value);

    private double Ratio => OursSeconds / BestPeer.Seconds;

    public static IEnumerable<string> MarkdownTable(IReadOnlyCollection<PeerResult> results) =>
    [
        .. Table("| work | QEMU's best mode | us / request | ours, us / request | ours / QEMU | goal | reached |", results.Where(r => !r.Work.IsWholeProcess)),
        .. Table("| whole process | peer | ms | ours, ms | ours / QEMU | goal | reached |", results.Where(r => r.Work.IsWholeProcess)),
    ];

    public override string ToString()
    {
        IEnumerable<string> parts = Medians.Select(m => $"{m.Key} {Time(m.Value)} {(Work.IsWholeProcess ? "ms" : "us")}");
        string beside = Medians.TryGetValue(PeerWork.OursBase, out double alone) ? $", {Number(OursSeconds / alone)} of our own without overlays" : "";
        return $"{Work.Title}: {string.Join(", ", parts)}; ratio {Number(Ratio)} (goal {Number(Work.Goal)}){beside}";
    }

    private static string Number(double value) => value.ToString("0.###", CultureInfo.InvariantCulture);

    private static IEnumerable<string> Table(string heading, IEnumerable<PeerResult> results)
    {
        string[] rows = [.. results.Select(r => r.MarkdownRow())];
        return rows.Length == 0 ? [] : [heading, "|---|---|---:|---:|---:|---:|---|", .. rows, ""];
    }

    private string Time(double seconds) => Work.IsWholeProcess
        ? (seconds * 1e3).ToString("0.0", CultureInfo.InvariantCulture)
        : (seconds * 1e6 / Work.Requests).ToString("0.00", CultureInfo.InvariantCulture);

    private string MarkdownRow()
    {
        string ours = Time(OursSeconds);
        if (Medians.TryGetValue(PeerWork.OursBase, out double alone))
        {
            ours += $" ({Number(OursSeconds / alone)} of our own without overlays)";
        }

        foreach ((string label, double seconds) in Medians.Where(m => m.Key.StartsWith(PeerWork.Beside, StringComparison.Ordinal)))
        {
            ours += $" ({label[PeerWork.Beside.Length..]}: {Time(seconds)})";
        }

        return $"| {Work.Title} | {BestPeer.Label} | {Time(BestPeer.Seconds)} | {ours} | {Number(Ratio)} | {Number(Work.Goal)} | {(Ratio <= Work.Goal ? "yes" : "no")} |";
    }
}
