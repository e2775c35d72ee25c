using System.Buffers;
using System.Globalization;
using System.Text;

namespace QedVd.Backends.Qed;

/// <summary>Text that came from an image or a user, made fit for a terminal and one line.</summary>
internal static class QedText
{
    public static string Escape(string text) => Escape(Encoding.UTF8.GetBytes(text));

    /// <summary>Bytes as text: what is neither printable nor UTF-8 becomes \xNN, or \u{NNNN} for a character that would act on a terminal.</summary>
    public static string Escape(ReadOnlySpan<byte> bytes)
    {
        StringBuilder text = new(bytes.Length);
        while (!bytes.IsEmpty)
        {
            OperationStatus status = Rune.DecodeFromUtf8(bytes, out Rune rune, out int consumed);
            if (status != OperationStatus.Done)
            {
                foreach (byte value in bytes[..consumed])
                {
                    text.Append(CultureInfo.InvariantCulture, $"\\x{value:x2}");
                }
            }
            else if (rune.Value == '\\')
            {
                text.Append(@"\\");
            }
            else if (IsPrintable(rune))
            {
                text.Append(rune);
            }
            else
            {
                text.Append(rune.Value < 0x80 ? "\\x" : "\\u{").Append(rune.Value.ToString("x2", CultureInfo.InvariantCulture)).Append(rune.Value < 0x80 ? "" : "}");
            }

            bytes = bytes[consumed..];
        }

        return text.ToString();
    }

    /// <summary>Controls, line ends, and the formatting characters that turn the direction of text around, are not.</summary>
    private static bool IsPrintable(Rune rune) => Rune.GetUnicodeCategory(rune) is not
        (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
        or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned);
}
