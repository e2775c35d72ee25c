using System.Text.Json;
using QedVd.Cli.CommandLine;

namespace QedVd.Cli.Output;

/// <summary>JSON on standard output, indented as qemu-img does it. The encoder's default leaves ASCII only, so nothing in it can drive a terminal.</summary>
internal static class JsonOutput
{
    private static readonly JsonWriterOptions s_options = new() { Indented = true, IndentSize = 4, NewLine = "\n" };

    public static void Write(VerbRun run, Action<Utf8JsonWriter> content)
    {
        run.Out.Flush();
        using (var writer = new Utf8JsonWriter(run.Streams.OutBytes, s_options))
        {
            content(writer);
        }

        run.Out.WriteLine();
    }

    /// <summary>Writes a property unless it is null.</summary>
    public static void WriteIfAny(this Utf8JsonWriter writer, string name, string? value)
    {
        if (value is not null)
        {
            writer.WriteString(name, value);
        }
    }

    /// <summary>Writes a list of texts unless it is empty.</summary>
    public static void WriteIfAny(this Utf8JsonWriter writer, string name, IReadOnlyList<string> values)
    {
        if (values.Count > 0)
        {
            writer.WriteArray(name, values);
        }
    }

    /// <summary>Writes a list of texts.</summary>
    public static void WriteArray(this Utf8JsonWriter writer, string name, IReadOnlyList<string> values)
    {
        writer.WriteStartArray(name);
        foreach (string value in values)
        {
            writer.WriteStringValue(value);
        }

        writer.WriteEndArray();
    }
}
