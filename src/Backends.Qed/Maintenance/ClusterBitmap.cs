using System.Numerics;
using System.Runtime.CompilerServices;

namespace QedVd.Backends.Qed;

/// <summary>One bit per cluster, in pages that exist only where a bit was set, so that a huge sparse file costs what it uses.</summary>
internal sealed class ClusterBitmap
{
    private const int PageBits = 15;
    private const int PageWords = 1 << (PageBits - 6);

    /// <summary>Up to this many pages (512 KiB of references) a plain array finds them; beyond, a dictionary.</summary>
    private const long LargestDirectory = 1 << 16;

    private readonly ulong[]?[]? _directory;
    private readonly Dictionary<long, ulong[]>? _sparse;
    private ulong[] _lastPage = [];
    private long _lastIndex = -1;

    /// <summary>Makes an empty bitmap.</summary>
    /// <param name="clusterCount">Bits are numbered below this.</param>
    public ClusterBitmap(long clusterCount)
    {
        ClusterCount = clusterCount;
        long pages = (clusterCount + (1 << PageBits) - 1) >> PageBits;
        if (pages <= LargestDirectory)
        {
            _directory = new ulong[]?[pages];
        }
        else
        {
            _sparse = [];
        }
    }

    public long ClusterCount { get; }

    /// <summary>Bits that are set.</summary>
    public long SetCount { get; private set; }

    public bool Contains(long cluster)
    {
        ulong[]? page = FindPage(cluster >> PageBits);
        return page is not null && (page[WordOf(cluster)] & (1UL << (int)(cluster & 63))) != 0;
    }

    /// <summary>Sets a bit; false when it was set already.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TrySet(long cluster)
    {
        unchecked
        {
            ulong[] page = PageFor(cluster >> PageBits);
            ref ulong word = ref page[(int)(cluster >> 6) & (PageWords - 1)];
            ulong bit = 1UL << (int)cluster;
            if ((word & bit) != 0)
            {
                return false;
            }

            word |= bit;
            SetCount++;
            return true;
        }
    }

    /// <summary>Sets a run of bits; false, with nothing changed, when one of them was set already.</summary>
    public bool TrySetRange(long first, long count)
    {
        if (!IsClear(first, count))
        {
            return false;
        }

        for (long at = first; at < first + count;)
        {
            int bits = (int)Math.Min(first + count - at, 64 - (at & 63));
            PageFor(at >> PageBits)[WordOf(at)] |= MaskOf(at, bits);
            at += bits;
        }

        SetCount += count;
        return true;
    }

    /// <summary>Takes over the bits of another one of the same size; false, with nothing changed here, when a bit is set in both. The other one is of no use afterwards.</summary>
    public bool TryMerge(ClusterBitmap other)
    {
        foreach (long index in other.PageIndices())
        {
            if (FindPage(index) is { } ours && Overlap(ours, other.FindPage(index)))
            {
                return false;
            }
        }

        foreach (long index in other.PageIndices())
        {
            ulong[] theirs = other.FindPage(index)!;
            if (FindPage(index) is { } ours)
            {
                for (int word = 0; word < PageWords; word++)
                {
                    ours[word] |= theirs[word];
                }
            }
            else
            {
                SetPage(index, theirs);
            }
        }

        SetCount += other.SetCount;
        return true;
    }

    /// <summary>The runs of clear bits from <paramref name="first"/> to the end, in order.</summary>
    public IEnumerable<(long First, long Count)> ClearRuns(long first)
    {
        long start = first;
        foreach (long index in PageIndices())
        {
            ulong[] page = FindPage(index)!;
            for (int word = 0; word < PageWords; word++)
            {
                ulong set = page[word];
                long wordStart = (index << PageBits) + ((long)word << 6);
                while (set != 0)
                {
                    int bit = BitOperations.TrailingZeroCount(set);
                    long cluster = wordStart + bit;
                    if (cluster > start)
                    {
                        yield return (start, cluster - start);
                    }

                    // Over the whole run of set bits at once.
                    int run = BitOperations.TrailingZeroCount(~(set >> bit));
                    start = Math.Max(start, cluster + run);
                    set = bit + run >= 64 ? 0 : set & (ulong.MaxValue << (bit + run));
                }
            }
        }

        if (start < ClusterCount)
        {
            yield return (start, ClusterCount - start);
        }
    }

    private static bool Overlap(ReadOnlySpan<ulong> ours, ReadOnlySpan<ulong> theirs)
    {
        for (int word = 0; word < PageWords; word++)
        {
            if ((ours[word] & theirs[word]) != 0)
            {
                return true;
            }
        }

        return false;
    }

    private static int WordOf(long cluster) => (int)((cluster >> 6) & (PageWords - 1));

    private static ulong MaskOf(long cluster, int bits) => (bits == 64 ? ulong.MaxValue : (1UL << bits) - 1) << (int)(cluster & 63);

    private bool IsClear(long first, long count)
    {
        for (long at = first; at < first + count;)
        {
            ulong[]? page = FindPage(at >> PageBits);
            if (page is null)
            {
                at = ((at >> PageBits) + 1) << PageBits;
                continue;
            }

            int bits = (int)Math.Min(first + count - at, 64 - (at & 63));
            if ((page[WordOf(at)] & MaskOf(at, bits)) != 0)
            {
                return false;
            }

            at += bits;
        }

        return true;
    }

    private IEnumerable<long> PageIndices()
    {
        if (_sparse is not null)
        {
            long[] indices = [.. _sparse.Keys];
            Array.Sort(indices);
            foreach (long index in indices)
            {
                yield return index;
            }

            yield break;
        }

        for (int index = 0; index < _directory!.Length; index++)
        {
            if (_directory[index] is not null)
            {
                yield return index;
            }
        }
    }

    private ulong[]? FindPage(long index)
    {
        if (index == _lastIndex)
        {
            return _lastPage;
        }

        return _directory is not null ? _directory[index] : _sparse!.GetValueOrDefault(index);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ulong[] PageFor(long index) => index == _lastIndex ? _lastPage : LoadPage(index);

    private ulong[] LoadPage(long index)
    {
        ulong[]? page = FindPage(index);
        if (page is null)
        {
            page = new ulong[PageWords];
            SetPage(index, page);
        }

        _lastPage = page;
        _lastIndex = index;
        return page;
    }

    private void SetPage(long index, ulong[] page)
    {
        if (_directory is not null)
        {
            _directory[index] = page;
        }
        else
        {
            _sparse!.Add(index, page);
        }
    }
}
