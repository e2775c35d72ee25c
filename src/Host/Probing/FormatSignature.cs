namespace QedVd.Host;

/// <summary>A mark by which a format is known.</summary>
/// <param name="Format">The format's id.</param>
/// <param name="DisplayName">The format's name for people.</param>
/// <param name="Kind">What it means for reading the file.</param>
/// <param name="Offset">Where the mark stands; negative: from the end of the file.</param>
/// <param name="Mark">Its bytes, one character each.</param>
/// <param name="Further">More bytes that must stand somewhere else, so that a short mark is not found by accident.</param>
internal sealed record FormatSignature(string Format, string DisplayName, NamedFormatKind Kind, int Offset, string Mark, (int Offset, string Bytes)? Further = null)
{
    private readonly byte[] _mark = ToBytes(Mark);
    private readonly byte[]? _further = Further is { } further ? ToBytes(further.Bytes) : null;

    public NamedFormat? Match(ProbeWindow window)
    {
        if (!window.Has(Offset, _mark) || (_further is not null && !window.Has(Further!.Value.Offset, _further)))
        {
            return null;
        }

        string place = Offset >= 0 ? $"at offset {Offset}" : $"{-Offset} bytes before the end";
        return new NamedFormat(Format, DisplayName, Kind, $"mark {Show(_mark)} {place}");
    }

    private static byte[] ToBytes(string text) => [.. text.Select(character => checked((byte)character))];

    private static string Show(byte[] mark) => mark.All(value => value is >= 0x20 and < 0x7F)
        ? $"\"{System.Text.Encoding.ASCII.GetString(mark)}\""
        : Convert.ToHexStringLower(mark);
}
