using QedVd.Cli.Options;
using QedVd.Host;

namespace QedVd.Cli.Output;

/// <summary>What a repair did, or would do, for people: qemu-img's counts, then each thing, and what was lost by it.</summary>
internal static class RepairReport
{
    public static void Write(TextWriter output, CheckReport report, CheckOptions check)
    {
        bool isAny = report.CorruptionsFixed > 0 || report.LeaksFixed > 0;
        if (isAny)
        {
            output.WriteLine(check.DryRun
                ? $"The following inconsistencies were found, and -r {RepairText.Name(check.Repair)} would repair them:"
                : "The following inconsistencies were found and repaired:");
            output.WriteLine();
            output.WriteLine($"    {report.LeaksFixed} leaked clusters");
            output.WriteLine($"    {report.CorruptionsFixed} corruptions");
            output.WriteLine();
        }

        WriteActions(output, report, check);
        if (check.DryRun)
        {
            output.WriteLine("Nothing was changed. The image as it is:");
        }
        else if (isAny)
        {
            output.WriteLine("Double checking the fixed image now...");
        }
    }

    private static void WriteActions(TextWriter output, CheckReport report, CheckOptions check)
    {
        long lostBytes = 0;
        foreach (RepairAction action in report.Repairs)
        {
            output.WriteLine($"{Verb(action, check.DryRun)}: {DisplayText.Escape(action.Message)}");
            lostBytes += action is { IsLoss: true, DiskOffset: >= 0, LengthBytes: > 0 } ? action.LengthBytes : 0;
        }

        if (report.Repairs.Count >= check.MaxReportedFindings)
        {
            output.WriteLine($"... and perhaps more: only the first {check.MaxReportedFindings} repairs are shown.");
        }

        if (lostBytes > 0)
        {
            string when = check.DryRun ? "would then be" : "is";
            output.WriteLine($"Lost {when} {SizeText.Human(lostBytes)} of the disk ({lostBytes} bytes), marked above: its entries named no usable place. It reads as the parent there, or as zeros.");
        }

        if (report.Repairs.Count > 0)
        {
            output.WriteLine();
        }
    }

    private static string Verb(RepairAction action, bool isDryRun)
    {
        string what = action.Kind == RepairActionKind.LeftAlone ? "left alone" : isDryRun ? "would do" : "done";
        return action.IsLoss ? $"{what}, lost" : what;
    }
}
