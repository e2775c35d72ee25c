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

        Add(key);
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

    /// <summary>Notes that a slice was changed in the storage, past the cache.</summary>
    public void Add(long key)
    {
        int bit = Bit(key);
        Interlocked.Or(ref _filter[bit >> 6], 1UL << (bit & 63));
    }

    /// <summary>What lies behind the end of the disk has been put right: no entry there, of L2 or L1, is damaged any more.</summary>
    public void MendFrom(long cluster, int l1Index)
    {
        lock (_lock)
        {
            foreach (long key in _damaged?.Keys.ToArray() ?? [])
            {
                (long slice, long number) = SliceKey.IsL1(key) ? (SliceKey.L1Slice(key), (long)l1Index) : (key, cluster);
                long kept = Math.Clamp(number - (slice << SliceKey.EntryBits), 0, TablePage.EntryCount);
                UInt128[] damaged = _damaged![key];
                for (int i = 0; i < damaged.Length; i++)
                {
                    long keptHere = Math.Clamp(kept - (i * 128), 0, 128);
                    damaged[i] &= keptHere == 128 ? UInt128.MaxValue : (UInt128.One << (int)keptHere) - 1;
                }
            }
        }
    }

    /// <summary>Starts over: all entries were proven anew.</summary>
    public void Reset()
    {
        lock (_lock)
        {
            _damaged?.Clear();
        }

        Array.Clear(_filter);
    }

    private static int Bit(long key) =>
        (int)(unchecked((ulong)key * 0x9E3779B97F4A7C15) >> (64 - BitOperations.Log2(FilterBits)));
}
