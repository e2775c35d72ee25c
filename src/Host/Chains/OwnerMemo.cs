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
    private const int RegionShift = 26;
    private const int MaxUnits = 1 << 17;
    private const int MaxRegions = 1 << 12;

    private readonly IDiskImage[] _images;
    private readonly long[] _lengths;
    private readonly int _unitShift;
    private readonly MemoTable _units;

    // Where levels hold nothing for miles, one walk answers for all units of a region.
    private readonly MemoTable _regions;

    private OwnerMemo(IDiskImage[] images, long[] lengths, int firstLevel, int endLevel, int unitShift)
    {
        _images = images;
        _lengths = lengths;
        FirstLevel = firstLevel;
        EndLevel = endLevel;
        _unitShift = unitShift;
        _units = new MemoTable(lengths[0] >> unitShift, MaxUnits);
        _regions = new MemoTable(lengths[0] >> RegionShift, MaxRegions);
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

        return end - first < MinLevels || levels.Length > MemoTable.MaxLevel
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

        // A length, because the last unit may end where no number reaches.
        long known = (1L << _unitShift) - (offset & ((1L << _unitShift) - 1));
        while (known < run && LookUp((offset + known) >> _unitShift) == level)
        {
            known += 1L << _unitShift;
        }

        run = (int)Math.Min(run, known);
        return level;
    }

    private int LookUp(long unit)
    {
        int level = _units.Get(unit);
        if (level < 0)
        {
            long region = (unit << _unitShift) >> RegionShift;
            int from = _regions.Get(region);
            if (from < 0)
            {
                from = Walk(region << RegionShift, RegionShift, FirstLevel);
                _regions.Set(region, from);
            }

            level = Walk(unit << _unitShift, _unitShift, Math.Max(from, FirstLevel));
            _units.Set(unit, level);
        }

        return level;
    }

    // The first level that is not free for all of a range, or ends in it; negative when a table is not in memory yet.
    private int Walk(long start, int shift, int from)
    {
        for (int level = from; level < EndLevel; level++)
        {
            // The disk may end in the range; a level that ends before hides what is beneath it.
            long wanted = Math.Min(1L << shift, _lengths[0] - start);
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
