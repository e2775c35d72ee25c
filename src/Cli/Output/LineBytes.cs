using System.Runtime.CompilerServices;
using System.Buffers.Binary;
using System.Numerics;

namespace QedVd.Cli.Output;

/// <summary>
/// Appends to bytes that have room enough. By hand, because a map has millions of lines, and the framework's formatting costs several times as much
/// as finding out what to print.
/// </summary>
internal ref struct LineBytes(Span<byte> bytes, int length)
{
    private const int HexColumnBytes = 16;

    private readonly Span<byte> _bytes = bytes;

    /// <summary>How much is used.</summary>
    public int Length { get; private set; } = length;

    private static ReadOnlySpan<byte> Pairs =>
        "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899"u8;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Text(scoped ReadOnlySpan<byte> text)
    {
        text.CopyTo(_bytes[Length..]);
        Length += text.Length;
    }

    /// <summary>A number that is not negative, in decimal digits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Number(long value)
    {
        const int MaxDigits = 20;
        Span<byte> digits = stackalloc byte[MaxDigits];
        ulong left = (ulong)value;
        int at = MaxDigits;
        while (left >= 100)
        {
            ulong rest = left / 100;
            int pair = (int)(left - (rest * 100)) * 2;
            digits[--at] = Pairs[pair + 1];
            digits[--at] = Pairs[pair];
            left = rest;
        }

        digits[--at] = Pairs[((int)left * 2) + 1];
        if (left >= 10)
        {
            digits[--at] = Pairs[(int)left * 2];
        }

        Text(digits[at..]);
    }

    /// <summary>A number that is not negative as "0x..." or "0", filled up with spaces to 16 bytes unless it is longer. Needs room for 18.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void HexColumn(long value)
    {
        const int Digits = 16;
        Span<byte> column = _bytes.Slice(Length, Digits + 2);
        if (value == 0)
        {
            column.Fill((byte)' ');
            column[0] = (byte)'0';
            Length += HexColumnBytes;
            return;
        }

        // All digits, then spaces; the column begins at the first digit that counts.
        Span<byte> all = stackalloc byte[2 * Digits];
        BinaryPrimitives.WriteUInt64BigEndian(all, HexDigits((uint)(value >> 32)));
        BinaryPrimitives.WriteUInt64BigEndian(all[8..], HexDigits((uint)value));
        all[Digits..].Fill((byte)' ');
        int skip = BitOperations.LeadingZeroCount((ulong)value) / 4;
        column[0] = (byte)'0';
        column[1] = (byte)'x';
        all.Slice(skip, Digits).CopyTo(column[2..]);
        Length += Math.Max(HexColumnBytes, Digits + 2 - skip);
    }

    /// <summary>The eight digits of a number, the first in the highest byte: one nibble is spread to each byte, and all become letters at once.</summary>
    private static ulong HexDigits(uint value)
    {
        ulong nibbles = value;
        nibbles = ((nibbles << 16) | nibbles) & 0x0000_FFFF_0000_FFFF;
        nibbles = ((nibbles << 8) | nibbles) & 0x00FF_00FF_00FF_00FF;
        nibbles = ((nibbles << 4) | nibbles) & 0x0F0F_0F0F_0F0F_0F0F;

        // 1 in each byte whose nibble is 10 or more.
        ulong letters = ((nibbles + 0x0606_0606_0606_0606) >> 4) & 0x0101_0101_0101_0101;
        return nibbles + 0x3030_3030_3030_3030 + (letters * ('a' - '0' - 10));
    }
}
