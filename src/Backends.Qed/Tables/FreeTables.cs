namespace QedVd.Backends.Qed;

/// <summary>
/// One bit for each L1 entry that is known to have no table: the answer that an overlay gives most often, for one load from memory.
/// Set when a slice of L1 is loaded, cleared before a table is published; nothing else changes an entry. Absent for very large L1 tables.
/// </summary>
internal sealed class FreeTables
{
    private const int MaxEntries = 1 << 17;
    private const int WordsPerSlice = TablePage.EntryCount / 64;

    private readonly ulong[] _words;
    private readonly int _l1Shift;

    public FreeTables(QedGeometry geometry, int l1Entries)
    {
        _l1Shift = geometry.EntryBits + geometry.ClusterBits;
        _words = l1Entries > MaxEntries ? [] : new ulong[(l1Entries + SliceKey.EntryMask) / TablePage.EntryCount * WordsPerSlice];
    }

    /// <summary>Whether all of a range lies under one L1 entry that is known to have no table. False means nothing.</summary>
    public bool Covers(long offset, long lengthBytes)
    {
        long l1Index = offset >> _l1Shift;
        ulong[] words = _words;
        int word = (int)(l1Index >> 6);
        return (offset + lengthBytes - 1) >> _l1Shift == l1Index
            && (uint)word < (uint)words.Length
            && (Volatile.Read(ref words[word]) & (1UL << (int)(l1Index & 63))) != 0;
    }

    /// <summary>A slice of L1 was loaded; it is not visible to anyone yet.</summary>
    public void Note(int slice, ReadOnlySpan<ulong> entries)
    {
        int first = slice * WordsPerSlice;
        if (first >= _words.Length)
        {
            return;
        }

        for (int i = 0; i < WordsPerSlice; i++)
        {
            ulong free = 0;
            for (int bit = 0; bit < 64; bit++)
            {
                free |= entries[(i * 64) + bit] == SliceEntry.Unallocated ? 1UL << bit : 0;
            }

            Volatile.Write(ref _words[first + i], free);
        }
    }

    /// <summary>A table is about to be published.</summary>
    public void Remove(int l1Index)
    {
        if (l1Index >> 6 < _words.Length)
        {
            Interlocked.And(ref _words[l1Index >> 6], ~(1UL << (l1Index & 63)));
        }
    }
}
