using System.Globalization;
using System.Text;

namespace QedVd.Host;

/// <summary>Text that a plugin or an exception supplies, made fit for a one-line message.</summary>
internal static class PluginText
{
    private const int MaxChars = 400;

    /// <summary>One line, bounded, without control characters.</summary>
    public static string OneLine(string? text)
    {
        if (string.IsNullOrWhiteSpace(text))
        {
            return "";
        }

        var line = new StringBuilder(Math.Min(text.Length, MaxChars));
        foreach (char character in text)
        {
            if (line.Length == MaxChars)
            {
                line.Append("...");
                break;
            }

            if (!char.IsControl(character) && character is not ('\u2028' or '\u2029'))
            {
                line.Append(character);
            }
            else if (line.Length > 0 && line[^1] != ' ')
            {
                line.Append(' ');
            }
        }

        return line.ToString().Trim();
    }

    public static string Seconds(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.###} s");

    public static bool IsOneLine(string text) => !text.Any(character => char.IsControl(character) || character is '\u2028' or '\u2029');

    /// <summary>An exception as the end of a sentence. A plugin's exception may itself misbehave.</summary>
    public static string Describe(Exception exception)
    {
        try
        {
            return $"{exception.GetType().Name}: {OneLine(exception.Message)}";
        }
        catch (Exception second) when (second is not OutOfMemoryException)
        {
            return exception.GetType().Name;
        }
    }
}
