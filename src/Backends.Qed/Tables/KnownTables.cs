using System.Numerics;

namespace QedVd.Backends.Qed;

/// <summary>
/// Where L2 tables are known to be, so that an entry which names a part of one as data is found out before it does harm. Read without a lock. 16 to 32
/// bytes per table: at most 32 MiB for an image that may be written, and 1 MiB for one that may not, of which a chain has many.
/// </summary>
/// <remarks>A hash table of aligned groups of as many clusters as a table has. Tables need not be aligned: a slot says which clusters of its group begin one.</remarks>
internal sealed class KnownTables(QedGeometry geometry, int limit = KnownTables.MaxTables)
{
    /// <summary>So many are known. An image that has more is not opened for writing.</summary>
    public const int MaxTables = 1 << 21;

    /// <summary>So many are known of an image that is only read: 128 GiB and more of disk. The others are then taken for what entries say of them.</summary>
    public const int MaxTablesToRead = 1 << 16;

    private const int SmallestSlots = 64;
    private const int TablesBetweenLooks = 4096;

    // Nobody who makes an image can know which of its tables collide.
    private static readonly ulong s_multiplier = unchecked((ulong)Random.Shared.NextInt64(long.MinValue, long.MaxValue)) | 1;

    private readonly Lock _lock = new();

    // The group's number above one bit for each of its clusters. 0 is an empty slot.
    private ulong[] _slots = new ulong[SmallestSlots];
    private int _count;

    // The first clusters of the lowest and of the highest table.
    private long _lowest = long.MaxValue;
    private long _highest = -1;

    /// <summary>Makes a set of tables.</summary>
    public static KnownTables Of(ReadOnlySpan<ulong> offsets, QedGeometry geometry, CancellationToken cancellationToken)
    {
        KnownTables tables = new(geometry) { _slots = NewSlots(offsets.Length) };
        for (int i = 0; i < offsets.Length; i++)
        {
            if (i % TablesBetweenLooks == 0)
            {
                cancellationToken.ThrowIfCancellationRequested();
            }

            tables.Add((long)offsets[i]);
        }

        return tables;
    }

    /// <summary>Whether a byte of the file lies in a table.</summary>
    public bool ContainsCluster(long offset)
    {
        long cluster = offset >> geometry.ClusterBits;
        return ContainsStart(cluster - geometry.TableClusters + 1, cluster);
    }

    /// <summary>Whether one of some neighbouring clusters is in a table.</summary>
    public bool ContainsAny(long offset, long lengthBytes) =>
        ContainsStart((offset >> geometry.ClusterBits) - geometry.TableClusters + 1, (offset + lengthBytes - 1) >> geometry.ClusterBits);

    /// <summary>Notes a table.</summary>
    public void Add(long offset)
    {
        long cluster = offset >> geometry.ClusterBits;
        if (ContainsStart(cluster, cluster))
        {
            return;
        }

        lock (_lock)
        {
            Volatile.Write(ref _slots, Insert(_slots, cluster));
        }
    }

    /// <summary>Notes tables that lie one behind the other.</summary>
    public void AddRun(long offset, long clusters)
    {
        for (long end = offset + (clusters << geometry.ClusterBits); offset < end; offset += geometry.TableBytes)
        {
            Add(offset);
        }
    }

    /// <summary>Below an end, these are all tables from now on: what becomes of the places of others must not be taken for a table.</summary>
    /// <param name="endCluster">The end; a table lies below it or behind it.</param>
    /// <param name="clusters">Where tables start.</param>
    public void ReplaceBelow(long endCluster, ReadOnlySpan<long> clusters)
    {
        lock (_lock)
        {
            ulong[] before = _slots;
            ulong[] slots = NewSlots(clusters.Length);
            _count = 0;
            foreach (long cluster in clusters)
            {
                slots = Insert(slots, cluster);
            }

            foreach (ulong slot in before)
            {
                long group = (long)(slot >> geometry.TableClusters);
                for (ulong starts = StartsOf(slot); starts != 0; starts &= starts - 1)
                {
                    long cluster = (group << geometry.TableBits) + BitOperations.TrailingZeroCount(starts);
                    if (cluster >= endCluster)
                    {
                        slots = Insert(slots, cluster);
                    }
                }
            }

            Volatile.Write(ref _slots, slots);
        }
    }

    private static ulong[] NewSlots(int tables) => new ulong[Math.Max(SmallestSlots, (int)BitOperations.RoundUpToPowerOf2((uint)Math.Min(tables, MaxTables) * 2))];

    private static int FirstSlot(ulong[] slots, ulong group)
    {
        ulong hash = unchecked(group * s_multiplier);
        return (int)(unchecked((hash ^ (hash >> 32)) * s_multiplier) >> (64 - BitOperations.Log2((uint)slots.Length)));
    }

    /// <summary>Whether a table starts in one of some clusters.</summary>
    private bool ContainsStart(long first, long last)
    {
        if (last < Volatile.Read(ref _lowest) || first > Volatile.Read(ref _highest))
        {
            return false;
        }

        ulong[] slots = Volatile.Read(ref _slots);
        first = Math.Max(first, 0);
        int inLast = (int)last & (geometry.TableClusters - 1);
        ulong inFirst = ulong.MaxValue << ((int)first & (geometry.TableClusters - 1));
        long lastGroup = last >> geometry.TableBits;
        for (long group = first >> geometry.TableBits; group < lastGroup; group++)
        {
            if ((StartsIn(slots, group) & inFirst) != 0)
            {
                return true;
            }

            inFirst = ulong.MaxValue;
        }

        return (StartsIn(slots, lastGroup) & inFirst & ((2UL << inLast) - 1)) != 0;
    }

    /// <summary>The clusters of a group in which tables start, as bits.</summary>
    private ulong StartsIn(ulong[] slots, long group)
    {
        for (int i = FirstSlot(slots, (ulong)group); ; i = (i + 1) & (slots.Length - 1))
        {
            ulong slot = Volatile.Read(ref slots[i]);
            if (slot == 0 || slot >> geometry.TableClusters == (ulong)group)
            {
                return StartsOf(slot);
            }
        }
    }

    private ulong StartsOf(ulong slot) => slot & ((1UL << geometry.TableClusters) - 1);

    /// <summary>Puts a table into slots, of which at most half are used afterwards; returns them, or others when there are too few.</summary>
    private ulong[] Insert(ulong[] slots, long cluster)
    {
        if (_count >= limit)
        {
            return slots;
        }

        if ((_count + 1) * 2 > slots.Length)
        {
            ulong[] more = new ulong[slots.Length * 2];
            foreach (ulong slot in slots)
            {
                if (slot != 0)
                {
                    more[IndexOf(more, slot >> geometry.TableClusters)] = slot;
                }
            }

            slots = more;
        }

        Volatile.Write(ref _lowest, Math.Min(_lowest, cluster));
        Volatile.Write(ref _highest, Math.Max(_highest, cluster));
        ulong group = (ulong)(cluster >> geometry.TableBits);
        ref ulong place = ref slots[IndexOf(slots, group)];
        ulong after = place | (group << geometry.TableClusters) | (1UL << ((int)cluster & (geometry.TableClusters - 1)));
        _count += after == place ? 0 : 1;
        Volatile.Write(ref place, after);
        return slots;
    }

    /// <summary>The slot of a group, or the one that it gets.</summary>
    private int IndexOf(ulong[] slots, ulong group)
    {
        int i = FirstSlot(slots, group);
        while (slots[i] != 0 && slots[i] >> geometry.TableClusters != group)
        {
            i = (i + 1) & (slots.Length - 1);
        }

        return i;
    }
}
