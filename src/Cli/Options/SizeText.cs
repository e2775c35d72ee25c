using System.Globalization;
using QedVd.Cli.CommandLine;

namespace QedVd.Cli.Options;

/// <summary>Counts of bytes as people write and read them: 4096, 64k, 1.5G, 0x10000.</summary>
internal static class SizeText
{
    private const string Suffixes = "KMGTPE";
    private static readonly string[] s_units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

    /// <summary>The value of a size; suffixes b, k, M, G, T, P, E are powers of 1024. What is not a size is an error that names the option.</summary>
    public static long Parse(string text, string optionName)
    {
        if (TryParse(text, out long bytes))
        {
            return bytes;
        }

        throw new CliException($"{optionName}: '{text}' is not a size from 0 to 2^63-1 bytes. Give a number, with k, M, G, T, P or E for powers of 1024.");
    }

    public static bool TryParse(string text, out long bytes)
    {
        bytes = 0;
        ReadOnlySpan<char> digits = text.AsSpan().Trim();
        if (digits.StartsWith("0x", StringComparison.OrdinalIgnoreCase))
        {
            return long.TryParse(digits[2..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out bytes) && bytes >= 0;
        }

        int power = 0;
        if (digits.Length > 0 && char.IsAsciiLetter(digits[^1]))
        {
            char suffix = char.ToUpperInvariant(digits[^1]);
            power = suffix == 'B' ? 0 : Suffixes.IndexOf(suffix, StringComparison.Ordinal) + 1;
            if (power == 0 && suffix != 'B')
            {
                return false;
            }

            digits = digits[..^1];
        }

        if (!decimal.TryParse(digits, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal number))
        {
            return false;
        }

        decimal factor = 1L << (10 * power);
        if (number > long.MaxValue / factor)
        {
            return false;
        }

        // A part of a byte means that the unit is missing.
        decimal value = number * factor;
        bytes = (long)decimal.Truncate(value);
        return value == bytes;
    }

    /// <summary>At most three digits that count, as qemu-img prints them: 64 MiB, 1.5 GiB, 512 B.</summary>
    public static string Human(long bytes)
    {
        int unit = 0;
        double value = bytes;
        while (value >= 999.5 && unit < s_units.Length - 1)
        {
            value /= 1024;
            unit++;
        }

        return string.Create(CultureInfo.InvariantCulture, $"{ThreeDigits(value)} {s_units[unit]}");
    }

    private static string ThreeDigits(double value)
    {
        int decimals = value >= 99.95 ? 0 : value >= 9.995 ? 1 : value >= 0.9995 || value == 0 ? 2 : 3;
        string text = value.ToString($"F{decimals}", CultureInfo.InvariantCulture);
        return decimals == 0 ? text : text.TrimEnd('0').TrimEnd('.');
    }
}
