using System.Globalization;
using QedVd.Cli.Options;
using QedVd.Host;

namespace QedVd.Cli.Output;

/// <summary>A check's report for people: each finding, then qemu-img's lines.</summary>
internal static class CheckText
{
    public static void Write(TextWriter output, CheckReport report, CheckOptions check, long lostBytes, string file)
    {
        foreach (CheckFinding finding in report.Findings)
        {
            output.WriteLine(DisplayText.Escape(finding.Message));
        }

        // One finding can stand for many clusters, so that their number says nothing.
        if (report.Findings.Count >= check.MaxReportedFindings)
        {
            output.WriteLine($"... and perhaps more: only the first {check.MaxReportedFindings} findings are shown.");
        }

        if (check.Repair != RepairMode.None)
        {
            RepairReport.Write(output, report, check, lostBytes);
        }
        else if (report.Corruptions + report.Leaks > 0)
        {
            // Above qemu-img's lines, which end what is printed.
            string repair = RepairText.Name(report.Corruptions > 0 ? RepairMode.All : RepairMode.Leaks);
            output.WriteLine($"To mend that: qedvd check -r {repair} {DisplayText.Escape(file)}; with --dry-run it says first what it would do.");
        }

        if (report.IsClean)
        {
            output.WriteLine("No errors were found on the image.");
        }

        WriteClass(output, report.Corruptions, "errors were found on the image.", "Data may be corrupted, or further writes to the image may corrupt it.");
        WriteClass(output, report.Leaks, "leaked clusters were found on the image.", "This means waste of disk space, but no harm to data.");
        WriteClass(output, report.CheckErrors, "internal errors have occurred during the check.", null);
        if (report.NeedsCheck)
        {
            output.WriteLine(report.IsSound
                ? "The image was not closed cleanly; opening it for writing clears that mark."
                : "The image was not closed cleanly.");
        }

        if (report.TotalClusters > 0 && report.AllocatedClusters > 0)
        {
            double allocated = 100.0 * report.AllocatedClusters / report.TotalClusters;
            double fragmented = 100.0 * report.FragmentedClusters / report.AllocatedClusters;
            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{report.AllocatedClusters}/{report.TotalClusters} = {allocated:F2}% allocated, {fragmented:F2}% fragmented, 0.00% compressed clusters"));
        }
    }

    private static void WriteClass(TextWriter output, long count, string what, string? meaning)
    {
        if (count == 0)
        {
            return;
        }

        output.WriteLine();
        output.WriteLine($"{count} {what}");
        if (meaning is not null)
        {
            output.WriteLine(meaning);
        }
    }
}
