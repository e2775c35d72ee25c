using QedVd.Cli.CommandLine;

namespace QedVd.Cli.Options;

/// <summary>A new size, or by how much to grow (<c>+1G</c>) or to shrink (<c>-1G</c>), as <c>qemu-img resize</c> takes it.</summary>
/// <param name="Sign">1 to grow, -1 to shrink, 0 for the size itself.</param>
/// <param name="Bytes">The size, or the difference.</param>
internal readonly record struct SizeChange(int Sign, long Bytes)
{
    private const string OptionName = "SIZE";

    public static SizeChange Parse(string text)
    {
        int sign = text.Length == 0 ? 0 : text[0] switch
        {
            '+' => 1,
            '-' => -1,
            _ => 0,
        };
        string size = sign == 0 ? text : text[1..];
        // A second sign is no part of a number.
        return SizeText.TryParse(size, out long bytes) && (size.Length == 0 || char.IsAsciiDigit(size.Trim()[0]) || size.Trim()[0] == '.')
            ? new SizeChange(sign, bytes)
            : throw new CliException($"{OptionName}: '{text}' is not a size. Give a number, with k, M, G, T, P or E for powers of 1024; + or - before it changes the present size by it.");
    }

    /// <summary>The new size of a disk.</summary>
    public long Of(long presentBytes, string file)
    {
        if (Sign > 0 && Bytes > long.MaxValue - presentBytes)
        {
            throw new CliException($"{file}: {presentBytes} and {Bytes} bytes are more than a disk can have; add less.");
        }

        long bytes = Sign == 0 ? Bytes : presentBytes + (Sign * Bytes);
        return bytes > 0
            ? bytes
            : throw new CliException($"{file}: the new size would be {bytes} bytes (now {presentBytes}); a disk has at least 512. Give another SIZE.");
    }
}
