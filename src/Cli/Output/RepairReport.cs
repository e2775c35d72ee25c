using QedVd.Cli.Options;
using QedVd.Host;

namespace QedVd.Cli.Output;

/// <summary>What a repair did, or would do, for people: qemu-img's counts, then each thing, and what was lost by it.</summary>
internal static class RepairReport
{
    public static void Write(TextWriter output, CheckReport report, CheckOptions check, long lostBytes)
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
        if (lostBytes > 0)
        {
            output.WriteLine($"No data {(check.DryRun ? "would be" : "is")} left for {SizeText.Human(lostBytes)} of the disk ({lostBytes} bytes), see 'data lost' above.");
        }

        // What comes next may begin with an empty line itself.
        if (report.Repairs.Count > 0 && (isAny || check.DryRun || report.IsClean))
        {
            output.WriteLine();
        }

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
        foreach (RepairAction action in report.Repairs)
        {
            output.WriteLine($"{What(action, check.DryRun)}: {DisplayText.Escape(action.Message)}");
        }

        if (report.Repairs.Count >= check.MaxReportedFindings)
        {
            output.WriteLine($"... and perhaps more: only the first {check.MaxReportedFindings} repairs are shown.");
        }
    }

    private static string What(RepairAction action, bool isDryRun)
    {
        string what = action.Kind == RepairActionKind.LeftAlone ? "left alone" : isDryRun ? "would be done" : "done";
        return action.IsLoss ? $"{what}, data lost" : what;
    }
}
