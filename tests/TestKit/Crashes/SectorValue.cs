using System.Runtime.InteropServices;

namespace QedVd.TestKit;

/// <summary>
/// The content of a sector as one number. What a workload writes names the write and the sector in every eight bytes, so that another sector's data, older
/// data, table bytes and <see cref="SparseBytes.Garbage"/> all have other numbers.
/// </summary>
public static class SectorValue
{
    /// <summary>A sector of zeros.</summary>
    public const ulong Zero = 0;

    /// <summary>The mark of what workloads write and parents hold: in the upper 16 bits.</summary>
    private const ulong Stamp = 0x5EC7;

    /// <summary>The number of what a write (from 1) puts into a sector.</summary>
    public static ulong Of(int writer, long sector) => (Stamp << 48) | ((ulong)(ushort)writer << 32) | (uint)sector;

    /// <summary>The number of a sector's content.</summary>
    public static ulong Of(ReadOnlySpan<byte> bytes)
    {
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(bytes);
        ulong first = words[0];
        if (!words.ContainsAnyExcept(first))
        {
            return first;
        }

        // A sector that was written in part. Without the mark, so that it is none of the others.
        ulong sum = 14695981039346656037;
        foreach (ulong word in words)
        {
            sum = unchecked((sum ^ word) * 1099511628211);
            sum ^= sum >> 29;
        }

        return sum >> 1;
    }

    /// <summary>Fills whole sectors with what a write puts there.</summary>
    public static void Fill(Span<byte> bytes, int writer, long firstSector)
    {
        for (int sector = 0; sector * SparseBytes.SectorBytes < bytes.Length; sector++)
        {
            Span<byte> target = bytes[(sector * SparseBytes.SectorBytes)..Math.Min(bytes.Length, (sector + 1) * SparseBytes.SectorBytes)];
            MemoryMarshal.Cast<byte, ulong>(target).Fill(Of(writer, firstSector + sector));
        }
    }

    /// <summary>Whether a sector's content is a guest's, not the format's.</summary>
    public static bool IsGuests(ReadOnlySpan<byte> bytes)
    {
        ulong first = MemoryMarshal.Read<ulong>(bytes);
        return first >> 48 == Stamp;
    }

    /// <summary>For a failed test.</summary>
    public static string Describe(ulong value) => value switch
    {
        Zero => "zeros",
        0xDBDBDBDBDBDBDBDB => "garbage (0xDB)",
        _ when value >> 48 == Stamp => $"{((value >> 32) & 0xFFFF) switch { >= ParentLevels.FirstWriter and var level => $"parent level {level - ParentLevels.FirstWriter}", var writer => $"write {writer}" }} of sector {(uint)value}",
        _ => $"0x{value:x16}",
    };
}
