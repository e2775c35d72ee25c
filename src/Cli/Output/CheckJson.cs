using System.Text.Json;
using QedVd.Host;

namespace QedVd.Cli.Output;

/// <summary>A check's report under qemu-img's keys (which leaves counts of zero out), with keys of our own behind them.</summary>
internal static class CheckJson
{
    public static void Write(Utf8JsonWriter json, CheckReport report, string file, string format)
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
        if (report.Findings.Count > 0)
        {
            json.WriteStartArray("findings");
            foreach (CheckFinding finding in report.Findings)
            {
                Write(json, finding);
            }

            json.WriteEndArray();
        }

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
