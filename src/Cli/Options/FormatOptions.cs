using QedVd.Cli.CommandLine;

namespace QedVd.Cli.Options;

/// <summary>What <c>-o name=value,name=value</c> says. A comma in a value is written twice, as for qemu-img.</summary>
internal sealed class FormatOptions
{
    private readonly Dictionary<string, string> _values = new(StringComparer.Ordinal);

    private FormatOptions()
    {
    }

    /// <summary>Whether a list of the options was asked for (<c>-o help</c>, <c>-o ?</c>).</summary>
    public bool IsHelp { get; private set; }

    /// <summary>What is left for the format.</summary>
    public IReadOnlyDictionary<string, string> Values => _values;

    public static FormatOptions Parse(IEnumerable<string> texts)
    {
        var options = new FormatOptions();
        foreach (string part in texts.SelectMany(Split))
        {
            if (part is "help" or "?")
            {
                options.IsHelp = true;
                continue;
            }

            int equals = part.IndexOf('=', StringComparison.Ordinal);
            if (equals <= 0)
            {
                throw new CliException($"-o: '{part}' is not name=value. -o help lists the names.");
            }

            if (!options._values.TryAdd(part[..equals], part[(equals + 1)..]))
            {
                throw new CliException($"-o: '{part[..equals]}' is given twice.");
            }
        }

        return options;
    }

    /// <summary>Takes an option out that is not the format's own; null if it was not given.</summary>
    public string? Take(string name) => _values.Remove(name, out string? value) ? value : null;

    private static IEnumerable<string> Split(string text)
    {
        int start = 0;
        for (int at = 0; at < text.Length; at++)
        {
            if (text[at] != ',')
            {
                continue;
            }

            if (at + 1 < text.Length && text[at + 1] == ',')
            {
                at++;
                continue;
            }

            yield return Unescape(text[start..at]);
            start = at + 1;
        }

        yield return Unescape(text[start..]);
    }

    private static string Unescape(string part) => part.Replace(",,", ",", StringComparison.Ordinal);
}
