using System.Numerics;

namespace QedVd.Host;

/// <summary>
/// Remembers, for units of the disk, how many levels have nothing there at all, so that a deep chain is not asked level by level. Only levels that
/// nobody writes to are remembered, and only for one generation: what they say of themselves cannot change. Filled when it is asked for, in bounded memory.
/// </summary>
internal sealed class OwnerMemo
{
    // Shorter walks cost less than they would save.
    private const int MinLevels = 3;
    private const int MinUnitBytes = 4096;
    private const int MaxUnitBytes = 1 << 20;
    private const int MaxEntries = 1 << 17;
    private const int LevelBits = 12;

    private readonly IDiskImage[] _images;
    private readonly long[] _lengths;
    private readonly int _unitShift;
    private readonly int _entryCount;

    // Made when first needed: many disks are opened to be looked at only.
    private long[]? _entries;

    private OwnerMemo(IDiskImage[] images, long[] lengths, int firstLevel, int endLevel, int unitShift)
    {
        _images = images;
        _lengths = lengths;
        FirstLevel = firstLevel;
        EndLevel = endLevel;
        _unitShift = unitShift;
        long units = Math.Max(1, lengths[0] >> unitShift);
        _entryCount = (int)Math.Min(MaxEntries, (long)BitOperations.RoundUpToPowerOf2((ulong)units));
    }

    /// <summary>The first level that is remembered: the one beneath the top, or the top where it is read-only.</summary>
    public int FirstLevel { get; }

    /// <summary>The first level after those that are remembered.</summary>
    private int EndLevel { get; }

    /// <summary>Null where it would not be worth it, or where a level may be changed by someone else.</summary>
    public static OwnerMemo? TryCreate(Level[] levels, IDiskImage[] images, long[] lengths)
    {
        int first = images[0].IsReadOnly ? 0 : 1;
        int end = first;
        int unit = MaxUnitBytes;
        while (end < levels.Length && !levels[end].IsMutable && (images[end].OpenFlags & ImageOpenFlags.Shareable) == 0)
        {
            unit = images[end].Limits.BlockBytes > 1 ? Math.Min(unit, images[end].Limits.BlockBytes) : unit;
            end++;
        }

        return end - first < MinLevels || levels.Length >= 1 << LevelBits
            ? null
            : new OwnerMemo(images, lengths, first, end, BitOperations.Log2((uint)Math.Max(unit, MinUnitBytes)));
    }

    /// <summary>
    /// The level to go on at: those from <see cref="FirstLevel"/> on and above it are free for all of the run, which is shortened to where that holds.
    /// </summary>
    public int FindStart(long offset, ref int run)
    {
        int level = LookUp(offset >> _unitShift);
        if (level < 0)
        {
            return FirstLevel;
        }

        long end = ((offset >> _unitShift) + 1) << _unitShift;
        while (end < offset + run && LookUp(end >> _unitShift) == level)
        {
            end += 1L << _unitShift;
        }

        run = (int)Math.Min(run, end - offset);
        return level;
    }

    private int LookUp(long unit)
    {
        long[] entries = _entries ?? Interlocked.CompareExchange(ref _entries, new long[_entryCount], null) ?? _entries;
        ref long entry = ref entries[(int)unit & (entries.Length - 1)];
        long value = Volatile.Read(ref entry);
        if (value >> LevelBits == unit + 1)
        {
            return (int)value & ((1 << LevelBits) - 1);
        }

        int level = Walk(unit);
        if (level >= 0)
        {
            Volatile.Write(ref entry, ((unit + 1) << LevelBits) | (long)level);
        }

        return level;
    }

    // The first level that is not free for all of the unit, or ends in it; negative when a table is not in memory yet.
    private int Walk(long unit)
    {
        long start = unit << _unitShift;
        for (int level = FirstLevel; level < EndLevel; level++)
        {
            // The disk may end in its last unit; a level that ends before hides what is beneath it.
            long wanted = Math.Min(1L << _unitShift, _lengths[0] - start);
            for (long at = 0; at < wanted;)
            {
                if (start + wanted > _lengths[level])
                {
                    return level;
                }

                if (!_images[level].TryMap(start + at, wanted - at, out Extent extent))
                {
                    return -1;
                }

                BackendResults.Check(extent, wanted - at, _images[level]);
                if (extent.Kind != ExtentKind.Free)
                {
                    return level;
                }

                at += extent.LengthBytes;
            }
        }

        return EndLevel;
    }
}
