using System.Text;
using System.Text.Json;

namespace QedVd.Host;

/// <summary>
/// The files that QEMU would open for a parent's name that is no plain file name: <c>file:NAME</c>, or <c>json:{...}</c> with file names in it. We never open such
/// a parent; but who is about to change or delete a file wants to know whether it is meant.
/// </summary>
internal static class OtherSpellings
{
    private const string FilePrefix = "file:";
    private const string JsonPrefix = "json:";
    private const string FileName = "filename";

    /// <summary>The names, and whether these are all that is meant, for certain.</summary>
    public static (IReadOnlyList<string> Names, bool IsCertain) Of(ReadOnlySpan<byte> name)
    {
        if (name.Length > ParentName.MaxBytes || name.Contains((byte)0))
        {
            return ([], false);
        }

        string text = Encoding.UTF8.GetString(name);
        if (text.StartsWith(FilePrefix, StringComparison.Ordinal) && text.Length > FilePrefix.Length)
        {
            return ([text[FilePrefix.Length..]], true);
        }

        if (!text.StartsWith(JsonPrefix, StringComparison.Ordinal))
        {
            return ([], false);
        }

        List<string> names = [];
        try
        {
            using JsonDocument document = JsonDocument.Parse(text.AsMemory(JsonPrefix.Length));
            Collect(document.RootElement, names);
        }
        catch (JsonException)
        {
            return ([], false);
        }

        // There a relative one starts where QEMU was started.
        return (names, names.Count > 0 && names.All(Path.IsPathRooted));
    }

    private static void Collect(JsonElement element, List<string> names)
    {
        if (element.ValueKind == JsonValueKind.Array)
        {
            foreach (JsonElement each in element.EnumerateArray())
            {
                Collect(each, names);
            }
        }
        else if (element.ValueKind == JsonValueKind.Object)
        {
            foreach (JsonProperty each in element.EnumerateObject())
            {
                // "file.filename" is the same, flattened.
                if (each.Value.ValueKind == JsonValueKind.String && (each.Name == FileName || each.Name.EndsWith("." + FileName, StringComparison.Ordinal)))
                {
                    names.Add(each.Value.GetString()!);
                }
                else
                {
                    Collect(each.Value, names);
                }
            }
        }
    }
}
