using System.Runtime.InteropServices;

namespace QedVd.Backends.Qed;

/// <summary>The places of all L2 tables that L1 names and that lie inside the file: sorted, each once. 8 bytes per table.</summary>
internal sealed class L2TableSet
{
    private readonly ulong[] _offsets;
    private readonly ulong _tableBytes;

    private L2TableSet(ulong[] offsets, ulong tableBytes, bool hasConflict, ulong conflict)
    {
        _offsets = offsets;
        _tableBytes = tableBytes;
        HasConflict = hasConflict;
        Conflict = conflict;
    }

    public int Count => _offsets.Length;

    /// <summary>Whether two L1 entries name one table, or two tables overlap.</summary>
    public bool HasConflict { get; }

    /// <summary>With <see cref="HasConflict"/>: where the lowest table lies that shares room with the one before it, or is named twice.</summary>
    public ulong Conflict { get; }

    /// <summary>Makes the set of what L1 names, in any order, with repetitions.</summary>
    public static L2TableSet Of(List<ulong> offsets, QedGeometry geometry)
    {
        ulong tableBytes = (ulong)geometry.TableBytes;
        Span<ulong> sorted = CollectionsMarshal.AsSpan(offsets);
        sorted.Sort();
        int kept = 0;
        bool hasConflict = false;
        ulong conflict = 0;
        foreach (ulong offset in sorted)
        {
            if (kept > 0 && offset - sorted[kept - 1] < tableBytes && !hasConflict)
            {
                hasConflict = true;
                conflict = offset;
            }

            if (kept == 0 || offset != sorted[kept - 1])
            {
                sorted[kept++] = offset;
            }
        }

        return new L2TableSet(sorted[..kept].ToArray(), tableBytes, hasConflict, conflict);
    }

    /// <summary>Where the tables lie, ascending.</summary>
    public ReadOnlySpan<ulong> Offsets => _offsets;

    /// <summary>Number of the table that starts at an offset; negative when none does.</summary>
    public int IndexOf(long offset) => Array.BinarySearch(_offsets, (ulong)offset);

    /// <summary>Whether a byte of the file lies in a table.</summary>
    public bool Contains(long offset)
    {
        int index = Array.BinarySearch(_offsets, (ulong)offset);
        if (index >= 0)
        {
            return true;
        }

        int before = ~index - 1;
        return before >= 0 && (ulong)offset - _offsets[before] < _tableBytes;
    }
}
