using System.Globalization;
using System.Text;

namespace QedVd.TestKit;

/// <summary>A system call as <c>strace -f -y -xx</c> has written it down.</summary>
internal sealed class SystemCall
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>What stood between its parentheses, split at the commas.</summary>
    public IReadOnlyList<string> Arguments { get; set; } = [];

    /// <summary>What stood behind the equals sign.</summary>
    public string ResultText { get; set; } = "?";

    /// <summary>The line of the log where it began.</summary>
    public required int Begin { get; init; }

    /// <summary>The line where it ended.</summary>
    public int End { get; set; } = int.MaxValue;

    /// <summary>What it returned; negative for an error.</summary>
    public long Result => ResultText.StartsWith('?') ? -1 : long.Parse(ResultText.AsSpan(0, LengthOfNumber(ResultText)), CultureInfo.InvariantCulture);

    public static int DescriptorOf(string argument)
    {
        int length = LengthOfNumber(argument);
        return length == 0 ? -1 : int.Parse(argument.AsSpan(0, length), CultureInfo.InvariantCulture);
    }

    public static long NumberOf(string argument) =>
        argument.StartsWith("0x", StringComparison.Ordinal)
            ? long.Parse(argument.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture)
            : long.Parse(argument, CultureInfo.InvariantCulture);

    /// <summary>The path that -y has put behind a descriptor; null if there is none.</summary>
    public static string? PathOf(string argument)
    {
        int start = argument.IndexOf('<', StringComparison.Ordinal);
        return start < 0 ? null : Encoding.UTF8.GetString(Bytes(argument.AsSpan(start + 1, argument.IndexOf('>', start) - start - 1)));
    }

    public static string TextOf(string argument) => Encoding.UTF8.GetString(DataOf(argument));

    /// <summary>The bytes of a string.</summary>
    public static byte[] DataOf(string argument) =>
        argument.StartsWith('"') && argument.EndsWith('"') ? Bytes(argument.AsSpan(1, argument.Length - 2)) : throw new InvalidDataException($"strace has not written all of a string: {argument[^Math.Min(40, argument.Length)..]}");

    /// <summary>The bytes of all strings of a vector.</summary>
    public static byte[] VectorOf(string argument)
    {
        List<byte> all = [];
        const string Base = "iov_base=";
        for (int at = argument.IndexOf(Base, StringComparison.Ordinal); at >= 0; at = argument.IndexOf(Base, at, StringComparison.Ordinal))
        {
            at += Base.Length;
            int end = argument.IndexOf('"', at + 1) + 1;
            if (argument[end] == '.')
            {
                throw new InvalidDataException("strace has not written all of a string.");
            }

            all.AddRange(DataOf(argument[at..end]));
        }

        return [.. all];
    }

    public override string ToString() => $"{Name}({string.Join(", ", Arguments.Select(argument => argument.Length > 60 ? $"{argument[..60]}..." : argument))}) = {ResultText}";

    private static int LengthOfNumber(string text)
    {
        int length = text.StartsWith('-') ? 1 : 0;
        while (length < text.Length && char.IsAsciiDigit(text[length]))
        {
            length++;
        }

        return length;
    }

    private static byte[] Bytes(ReadOnlySpan<char> hex)
    {
        byte[] bytes = new byte[hex.Length / 4];
        for (int i = 0; i < bytes.Length; i++)
        {
            bytes[i] = (byte)((Digit(hex[(4 * i) + 2]) << 4) | Digit(hex[(4 * i) + 3]));
        }

        return bytes;

        static int Digit(char digit) => digit <= '9' ? digit - '0' : digit - 'a' + 10;
    }
}
