using System.Runtime.InteropServices;

namespace QedVd.TestKit;

/// <summary>
/// A number of 128 bits for the content of a file: the sum of one term for each sector, so that a state's number follows from another's without a look at
/// what both have in common. What every state has (zeros; with garbage, what was never written) adds nothing.
/// </summary>
internal static class StateHash
{
    private const ulong First = 0x9E3779B97F4A7C15;
    private const ulong Second = 0xC2B2AE3D27D4EB4F;
    private const ulong Third = 0x165667B19E3779F9;

    /// <summary>The term of a sector.</summary>
    /// <param name="sector">Its number.</param>
    /// <param name="bytes">Its content, what of it lies inside the file; null for one that was never written where that is garbage.</param>
    /// <param name="leavesGarbage">Whether zeros that were written count, because what was not written is not zero.</param>
    public static UInt128 OfSector(long sector, ReadOnlySpan<byte> bytes, bool leavesGarbage)
    {
        if (bytes.IsEmpty || (!leavesGarbage && !bytes.ContainsAnyExcept((byte)0)))
        {
            return 0;
        }

        unchecked
        {
            ulong low = Mix((ulong)sector ^ First, Third);
            ulong high = Mix((ulong)sector ^ Second, First);
            ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(bytes);
            foreach (ulong word in words)
            {
                low = Mix(low ^ word, First);
                high = Mix(high + word, Second);
            }

            foreach (byte rest in bytes[(words.Length * sizeof(ulong))..])
            {
                low = Mix(low ^ rest, First);
                high = Mix(high + rest, Second);
            }

            // Zeros that end inside a sector are not the zeros that go on.
            return new UInt128(Mix(high ^ (ulong)bytes.Length, Third), Mix(low, Second));
        }
    }

    /// <summary>The term of the length.</summary>
    public static UInt128 OfLength(long lengthBytes) => unchecked(new UInt128(Mix((ulong)lengthBytes ^ Third, First), Mix((ulong)lengthBytes ^ First, Second)));

    /// <summary>The sum over what a file holds.</summary>
    public static UInt128 Of(SparseBytes content, long lengthBytes, bool leavesGarbage)
    {
        UInt128 sum = OfLength(lengthBytes);
        foreach ((long sector, ReadOnlyMemory<byte> bytes) in content.Sectors())
        {
            long inside = Math.Clamp(lengthBytes - (sector * SparseBytes.SectorBytes), 0, SparseBytes.SectorBytes);
            sum = unchecked(sum + OfSector(sector, bytes.Span[..(int)inside], leavesGarbage));
        }

        return sum;
    }

    /// <summary>The number of a killed process's file, in which never written sectors are zero, among those of power losses that leave garbage.</summary>
    public static UInt128 OfKept(SparseBytes content)
    {
        UInt128 sum = Of(content, content.LengthBytes, leavesGarbage: true);
        Span<byte> zeros = stackalloc byte[SparseBytes.SectorBytes];
        zeros.Clear();
        for (long sector = 0; sector * SparseBytes.SectorBytes < content.LengthBytes; sector++)
        {
            if (!content.IsWritten(sector))
            {
                int inside = (int)Math.Min(SparseBytes.SectorBytes, content.LengthBytes - (sector * SparseBytes.SectorBytes));
                sum = unchecked(sum + OfSector(sector, zeros[..inside], leavesGarbage: true));
            }
        }

        return sum;
    }

    private static ulong Mix(ulong a, ulong b)
    {
        ulong high = Math.BigMul(a, b, out ulong low);
        return unchecked(high ^ low ^ (a << 32 | a >> 32));
    }
}
