using System.Numerics;

namespace QedVd.Backends.Qed;

/// <summary>
/// The clusters that L2 tables were seen to occupy, so that an entry which names one of them as data is found out before it does harm.
/// Read without a lock. Bounded: an image with more tables than that relies on the check for the rest.
/// </summary>
internal sealed class KnownTables(QedGeometry geometry)
{
    private const int MaxClusters = 1 << 16;

    private readonly Lock _lock = new();

    // Cluster numbers; 0 is an empty slot, which no table can be at.
    private long[] _slots = new long[64];
    private int _count;
    private long _lowest = long.MaxValue;
    private long _highest;

    /// <summary>How many tables are remembered at most.</summary>
    public static int MaxTablesOf(QedGeometry geometry) => (int)(MaxClusters / geometry.TableClusters);

    public bool ContainsCluster(long offset)
    {
        long cluster = offset >> geometry.ClusterBits;
        long[] slots = Volatile.Read(ref _slots);
        for (int i = First(slots, cluster); ; i = (i + 1) & (slots.Length - 1))
        {
            long found = Volatile.Read(ref slots[i]);
            if (found == cluster)
            {
                return true;
            }

            if (found == 0)
            {
                return false;
            }
        }
    }

    /// <summary>Whether one of some neighbouring clusters is in a table.</summary>
    public bool ContainsAny(long offset, long lengthBytes)
    {
        if (offset >= Volatile.Read(ref _highest) || offset + lengthBytes <= Volatile.Read(ref _lowest))
        {
            return false;
        }

        long end = offset + lengthBytes;
        for (; offset < end; offset += geometry.ClusterBytes)
        {
            if (ContainsCluster(offset))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Notes tables.</summary>
    public void AddAll(IReadOnlyList<ulong> offsets)
    {
        foreach (ulong offset in offsets)
        {
            Add((long)offset);
        }
    }

    /// <summary>Notes a table.</summary>
    public void Add(long offset)
    {
        if (ContainsCluster(offset))
        {
            return;
        }

        lock (_lock)
        {
            if (_count + geometry.TableClusters > MaxClusters)
            {
                return;
            }

            long[] slots = _slots;
            if ((_count + geometry.TableClusters) * 2 > slots.Length)
            {
                slots = new long[slots.Length * 2];
                foreach (long cluster in _slots)
                {
                    if (cluster != 0)
                    {
                        Insert(slots, cluster);
                    }
                }
            }

            Volatile.Write(ref _lowest, Math.Min(_lowest, offset));
            Volatile.Write(ref _highest, Math.Max(_highest, offset + geometry.TableBytes));
            for (int i = 0; i < geometry.TableClusters; i++)
            {
                _count += Insert(slots, (offset >> geometry.ClusterBits) + i) ? 1 : 0;
            }

            Volatile.Write(ref _slots, slots);
        }
    }

    /// <summary>Forgets clusters that belong to no table any more.</summary>
    public void RemoveWhere(Predicate<long> isGone)
    {
        lock (_lock)
        {
            long[] slots = new long[_slots.Length];
            _count = 0;
            foreach (long cluster in _slots)
            {
                if (cluster != 0 && !isGone(cluster))
                {
                    _count += Insert(slots, cluster) ? 1 : 0;
                }
            }

            Volatile.Write(ref _slots, slots);
        }
    }

    private static bool Insert(long[] slots, long cluster)
    {
        int i = First(slots, cluster);
        for (; slots[i] != 0; i = (i + 1) & (slots.Length - 1))
        {
            if (slots[i] == cluster)
            {
                return false;
            }
        }

        Volatile.Write(ref slots[i], cluster);
        return true;
    }

    private static int First(long[] slots, long cluster) =>
        (int)(unchecked((ulong)cluster * 0x9E3779B97F4A7C15) >> (64 - BitOperations.Log2((uint)slots.Length)));
}
