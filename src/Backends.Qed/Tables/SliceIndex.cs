using System.Numerics;

namespace QedVd.Backends.Qed;

/// <summary>
/// Finds the page of a slice. Open addressing, read without a lock: pages carry their identity, so that a reference which the pool has
/// given to another slice meanwhile is merely a miss. Its size follows the pages in use, never the size of the disk.
/// </summary>
internal sealed class SliceIndex(object owner)
{
    private const int MinSlots = 16;

    private Slots _slots = new(MinSlots);

    /// <summary>The page that held the slice when it was added, or null. The caller proves that it still does.</summary>
    public TablePage? Find(long key)
    {
        Slots slots = Volatile.Read(ref _slots);
        for (int i = slots.First(key); ; i = slots.Next(i))
        {
            // The page is written after its key, so that a page that is seen has its key.
            TablePage? page = Volatile.Read(ref slots.Pages[i]);
            if (page is null || slots.Keys[i] == key)
            {
                return page;
            }
        }
    }

    /// <summary>Notes a page that holds the slice. The caller orders its calls.</summary>
    public void Add(long key, TablePage page)
    {
        Slots slots = _slots;
        if (slots.Count * 2 >= slots.Keys.Length)
        {
            slots = Rebuild(slots);
        }

        slots.Add(key, page);
        Volatile.Write(ref _slots, slots);
    }

    private Slots Rebuild(Slots old)
    {
        int live = 0;
        bool[] keep = new bool[old.Keys.Length];
        for (int i = 0; i < keep.Length; i++)
        {
            keep[i] = old.Pages[i] is { } page && page.TryBeginRead(owner, old.Keys[i], out _);
            live += keep[i] ? 1 : 0;
        }

        Slots slots = new((int)Math.Max(MinSlots, BitOperations.RoundUpToPowerOf2((uint)live * 4)));
        for (int i = 0; i < keep.Length; i++)
        {
            if (keep[i])
            {
                slots.Add(old.Keys[i], old.Pages[i]!);
            }
        }

        return slots;
    }

    private sealed class Slots(int count)
    {
        public readonly long[] Keys = new long[count];
        public readonly TablePage?[] Pages = new TablePage?[count];
        private readonly int _shift = 64 - BitOperations.Log2((uint)count);

        public int Count { get; private set; }

        public int First(long key) => (int)(unchecked((ulong)key * 0x9E3779B97F4A7C15) >> _shift);

        public int Next(int slot) => (slot + 1) & (Keys.Length - 1);

        public void Add(long key, TablePage page)
        {
            int i = First(key);
            for (; Pages[i] is not null; i = Next(i))
            {
                if (Keys[i] == key)
                {
                    Volatile.Write(ref Pages[i], page);
                    return;
                }
            }

            Keys[i] = key;
            Volatile.Write(ref Pages[i], page);
            Count++;
        }
    }
}
