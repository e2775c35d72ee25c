using System.Text.Json;
using QedVd.Cli.Options;
using QedVd.Host;

namespace QedVd.Cli.Output;

/// <summary>What probing found, as text and as JSON.</summary>
internal static class ProbeOutput
{
    public static void WriteText(TextWriter output, string file, ProbeReport report)
    {
        output.WriteLine($"{DisplayText.Escape(file)}: {Verdict(report)}");
        output.WriteLine($"  {SizeText.Human(report.LengthBytes)} ({report.LengthBytes} bytes)");
        foreach (ProbeCandidate candidate in report.Candidates)
        {
            string said = candidate.IsFault ? "failed" : candidate.Confidence.ToString().ToLowerInvariant();
            output.WriteLine($"  {candidate.FormatId}: {said}, {DisplayText.Escape(candidate.Reason)}");
        }

        foreach (NamedFormat format in report.NamedFormats)
        {
            string meaning = format.Kind == NamedFormatKind.Container ? "no backend for it here" : "what a raw disk holds";
            output.WriteLine($"  {format.Id}: {DisplayText.Escape(format.DisplayName)} ({DisplayText.Escape(format.Reason)}); {meaning}");
        }
    }

    public static void WriteJson(Utf8JsonWriter json, IEnumerable<(string Given, ProbeReport Report)> reports)
    {
        json.WriteStartArray();
        foreach ((string given, ProbeReport report) in reports)
        {
            json.WriteStartObject();
            json.WriteString("filename", given);
            json.WriteNumber("file-length", report.LengthBytes);
            json.WriteIfAny("format", report.Best?.FormatId);
            json.WriteIfAny("format-for-writing", report.BestForWriting?.FormatId);
            json.WriteBoolean("ambiguous", report.IsTie);
            json.WriteStartArray("backends");
            foreach (ProbeCandidate candidate in report.Candidates)
            {
                json.WriteStartObject();
                json.WriteString("format", candidate.FormatId);
                json.WriteString("confidence", candidate.IsFault ? "failed" : candidate.Confidence.ToString().ToLowerInvariant());
                json.WriteString("reason", candidate.Reason);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteStartArray("named-formats");
            foreach (NamedFormat format in report.NamedFormats)
            {
                json.WriteStartObject();
                json.WriteString("id", format.Id);
                json.WriteString("name", format.DisplayName);
                json.WriteString("kind", format.Kind.ToString().ToLowerInvariant());
                json.WriteString("reason", format.Reason);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static string Verdict(ProbeReport report) => report switch
    {
        { IsTie: true } => "ambiguous; name the format with -f",
        { BestForWriting: { } certain } => $"{certain.FormatId}, certainly",
        { Best: { } maybe, NamedFormat: { Kind: NamedFormatKind.Content } content } => $"perhaps {maybe.FormatId}, holding {DisplayText.Escape(content.DisplayName)}",
        { Best: { } maybe } => $"perhaps {maybe.FormatId}",
        { NamedFormat: { } named } => DisplayText.Escape(named.DisplayName),
        _ => "unknown",
    };
}
