using System.Text.Json;
using QedVd.Cli.Options;
using QedVd.Host;

namespace QedVd.Cli.Output;

/// <summary>A check's report under qemu-img's keys (which leaves counts of zero out), with keys of our own behind them.</summary>
internal static class CheckJson
{
    public static void Write(Utf8JsonWriter json, CheckReport report, CheckOptions check, long lostBytes, string file, string format)
    {
        json.WriteStartObject();
        json.WriteString("filename", file);
        json.WriteString("format", format);
        json.WriteNumber("check-errors", report.CheckErrors);
        json.WriteNumber("total-clusters", report.TotalClusters);
        WriteUnlessZero(json, "corruptions", report.Corruptions);
        WriteUnlessZero(json, "leaks", report.Leaks);
        WriteUnlessZero(json, "corruptions-fixed", report.CorruptionsFixed);
        WriteUnlessZero(json, "leaks-fixed", report.LeaksFixed);
        WriteUnlessZero(json, "allocated-clusters", report.AllocatedClusters);
        WriteUnlessZero(json, "fragmented-clusters", report.FragmentedClusters);
        json.WriteNumber("zero-clusters", report.ZeroClusters);
        json.WriteNumber("image-end-offset", report.ImageEndOffset);
        json.WriteBoolean("dirty-flag", report.NeedsCheck);
        if (check.Repair != RepairMode.None)
        {
            json.WriteString("repair", RepairText.Name(check.Repair));
            json.WriteBoolean("dry-run", check.DryRun);
            json.WriteNumber("lost-bytes", lostBytes);
        }

        if (report.Findings.Count > 0)
        {
            json.WriteStartArray("findings");
            foreach (CheckFinding finding in report.Findings)
            {
                Write(json, finding);
            }

            json.WriteEndArray();
            json.WriteBoolean("findings-complete", report.Findings.Count < check.MaxReportedFindings);
        }

        if (report.Repairs.Count > 0)
        {
            json.WriteStartArray("repairs");
            foreach (RepairAction action in report.Repairs)
            {
                Write(json, action);
            }

            json.WriteEndArray();
            json.WriteBoolean("repairs-complete", report.Repairs.Count < check.MaxReportedFindings);
        }

        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, RepairAction action)
    {
        json.WriteStartObject();
        json.WriteString("kind", Name(action.Kind));
        json.WriteString("message", DisplayText.Escape(action.Message));
        WriteIfKnown(json, "offset", action.DiskOffset);
        WriteIfKnown(json, "length", action.LengthBytes);
        json.WriteBoolean("loss", action.IsLoss);
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, CheckFinding finding)
    {
        json.WriteStartObject();
        json.WriteString("kind", Name(finding.Kind));
        json.WriteString("message", DisplayText.Escape(finding.Message));
        json.WriteIfAny("table", finding.Table);
        WriteIfKnown(json, "table-offset", finding.TableOffset);
        WriteIfKnown(json, "index", finding.Index);
        WriteIfKnown(json, "value", finding.Value);
        WriteUnlessZero(json, "length", finding.LengthBytes);
        json.WriteEndObject();
    }

    private static string Name(CheckFindingKind kind) => kind switch
    {
        CheckFindingKind.InvalidReference => "invalid-reference",
        CheckFindingKind.SharedReference => "shared-reference",
        CheckFindingKind.Leak => "leak",
        CheckFindingKind.ReadError => "read-error",
        CheckFindingKind.NeedsCheck => "needs-check",
        _ => "note",
    };

    private static string Name(RepairActionKind kind) => kind switch
    {
        RepairActionKind.ClearedEntry => "cleared-entry",
        RepairActionKind.CopiedApart => "copied-apart",
        RepairActionKind.Moved => "moved",
        RepairActionKind.ReclaimedLeaks => "reclaimed-leaks",
        RepairActionKind.TrimmedTail => "trimmed-tail",
        RepairActionKind.ExtendedTail => "extended-tail",
        RepairActionKind.ClearedMark => "cleared-mark",
        RepairActionKind.LeftAlone => "left-alone",
        _ => "other",
    };

    private static void WriteUnlessZero(Utf8JsonWriter json, string name, long value)
    {
        if (value != 0)
        {
            json.WriteNumber(name, value);
        }
    }

    private static void WriteIfKnown(Utf8JsonWriter json, string name, long value)
    {
        if (value >= 0)
        {
            json.WriteNumber(name, value);
        }
    }
}
