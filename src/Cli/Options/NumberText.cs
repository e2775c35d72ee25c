using System.Globalization;
using QedVd.Cli.CommandLine;

namespace QedVd.Cli.Options;

/// <summary>Whole numbers given as options.</summary>
internal static class NumberText
{
    public static long Parse(string text, string optionName, long minimum, long maximum)
    {
        if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value) && value >= minimum && value <= maximum)
        {
            return value;
        }

        throw new CliException(string.Create(CultureInfo.InvariantCulture, $"{optionName}: '{text}' is not a whole number from {minimum} to {maximum}."));
    }
}
