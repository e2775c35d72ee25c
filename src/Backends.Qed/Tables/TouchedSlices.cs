using System.Numerics;

namespace QedVd.Backends.Qed;

/// <summary>
/// Which slices this session has changed. Only in those may an entry name a cluster beyond the end that the file had at the opening:
/// anywhere else such an entry is damage, although the file has grown past the place since, and must not come to share a cluster with new data.
/// </summary>
internal sealed class TouchedSlices
{
    // A Bloom filter with one hash: a slice taken for a changed one by mistake is merely examined less strictly.
    private const int FilterBits = 1 << 16;
    private const int MaxDamagedSlices = 4096;

    private readonly ulong[] _filter = new ulong[FilterBits / 64];
    private readonly Lock _lock = new();
    private Dictionary<long, UInt128[]>? _damaged;

    public bool MayContain(long key)
    {
        int bit = Bit(key);
        return (Volatile.Read(ref _filter[bit >> 6]) & (1UL << (bit & 63))) != 0;
    }

    /// <summary>Notes that a slice is about to be changed, and which of its entries are damaged now. The caller holds a pin.</summary>
    public void Add(long key, TablePage page)
    {
        int bit = Bit(key);
        UInt128[]? damaged = null;
        for (int i = 0; i < TablePage.EntryCount; i++)
        {
            if (page.Get(i) == SliceEntry.Invalid)
            {
                damaged ??= new UInt128[TablePage.EntryCount / 128];
                damaged[i >> 7] |= UInt128.One << (i & 127);
            }
        }

        if (damaged is not null)
        {
            lock (_lock)
            {
                _damaged ??= [];
                if (_damaged.Count < MaxDamagedSlices)
                {
                    _damaged[key] = damaged;
                }
            }
        }

        Interlocked.Or(ref _filter[bit >> 6], 1UL << (bit & 63));
    }

    /// <summary>Marks the entries of a slice, just loaded, that were damaged before this session changed it.</summary>
    public void MarkDamaged(long key, Span<ulong> entries, int first)
    {
        UInt128[]? damaged = null;
        if (Volatile.Read(ref _damaged) is { } all)
        {
            lock (_lock)
            {
                all.TryGetValue(key, out damaged);
            }
        }

        for (int i = 0; damaged is not null && i < entries.Length; i++)
        {
            int index = first + i;
            if (((damaged[index >> 7] >> (index & 127)) & 1) != 0)
            {
                entries[i] = SliceEntry.Invalid;
            }
        }
    }

    private static int Bit(long key) =>
        (int)(unchecked((ulong)key * 0x9E3779B97F4A7C15) >> (64 - BitOperations.Log2(FilterBits)));
}
