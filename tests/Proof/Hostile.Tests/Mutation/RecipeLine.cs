using System.Buffers.Binary;
using System.Globalization;
using QedVd.TestKit;

namespace QedVd.Hostile.Tests.Mutation;

/// <summary>One change of a file, as a text and as it is carried out.</summary>
internal readonly record struct RecipeLine(RecipeVerb Verb, long Offset, ulong Value, long LengthBytes = 0, byte[]? Bytes = null)
{
    public static RecipeLine Parse(string text)
    {
        string[] words = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        long offset = Number(words[1]);
        return words[0] switch
        {
            "u32" => new RecipeLine(RecipeVerb.U32, offset, ulong.Parse(words[2], CultureInfo.InvariantCulture)),
            "u64" => new RecipeLine(RecipeVerb.U64, offset, ulong.Parse(words[2], CultureInfo.InvariantCulture)),
            "fill" => new RecipeLine(RecipeVerb.Fill, offset, (ulong)Number(words[3]), Number(words[2])),
            "count" => new RecipeLine(RecipeVerb.Count, offset, (ulong)Number(words[3]), Number(words[2])),
            "hex" => new RecipeLine(RecipeVerb.Hex, offset, 0, Bytes: Convert.FromHexString(words[2])),
            "flip" => new RecipeLine(RecipeVerb.Flip, offset, (ulong)Number(words[2])),
            _ => throw new FormatException($"'{text}' is no line of a recipe."),
        };
    }

    /// <summary>The bytes that the line leaves in the file.</summary>
    public void ApplyTo(SimulatedFile file)
    {
        switch (Verb)
        {
            case RecipeVerb.U32:
                byte[] word = new byte[4];
                BinaryPrimitives.WriteUInt32LittleEndian(word, unchecked((uint)Value));
                file.Poke(Offset, word);
                break;
            case RecipeVerb.U64:
                byte[] number = new byte[8];
                BinaryPrimitives.WriteUInt64LittleEndian(number, Value);
                file.Poke(Offset, number);
                break;
            case RecipeVerb.Fill:
                byte[] same = new byte[LengthBytes];
                same.AsSpan().Fill((byte)Value);
                file.Poke(Offset, same);
                break;
            case RecipeVerb.Count:
                byte[] words = new byte[LengthBytes];
                for (int i = 0; i + 8 <= words.Length; i += 8)
                {
                    BinaryPrimitives.WriteUInt64LittleEndian(words.AsSpan(i), (Value << 56) | (ulong)(Offset + i));
                }

                file.Poke(Offset, words);
                break;
            case RecipeVerb.Hex:
                file.Poke(Offset, Bytes);
                break;
            default:
                byte[] one = file.ReadBytes(Offset, 1);
                file.Poke(Offset, [(byte)((one.Length > 0 ? one[0] : 0) ^ (1 << (int)(Value & 7)))]);
                break;
        }
    }

    public override string ToString() => Verb switch
    {
        RecipeVerb.Fill => FormattableString.Invariant($"fill {Offset} {LengthBytes} {Value}"),
        RecipeVerb.Count => FormattableString.Invariant($"count {Offset} {LengthBytes} {Value}"),
        RecipeVerb.Hex => FormattableString.Invariant($"hex {Offset} {Convert.ToHexStringLower(Bytes!)}"),
        _ => FormattableString.Invariant($"{Verb.ToString().ToLowerInvariant()} {Offset} {Value}"),
    };

    private static long Number(string word) => long.Parse(word, CultureInfo.InvariantCulture);
}
