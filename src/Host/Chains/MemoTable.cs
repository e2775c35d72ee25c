using System.Numerics;

namespace QedVd.Host;

/// <summary>A level for each of many numbers, in bounded memory: what does not fit pushes something else out. Read and written without a lock.</summary>
internal sealed class MemoTable(long numbers, int maxEntries)
{
    private const int LevelBits = 12;

    /// <summary>The largest level that can be remembered.</summary>
    public const int MaxLevel = (1 << LevelBits) - 1;

    private readonly int _count = (int)Math.Min(maxEntries, (long)BitOperations.RoundUpToPowerOf2((ulong)Math.Max(1, numbers)));

    // Made when first needed: many disks are opened to be looked at only.
    private long[]? _entries;

    /// <summary>What was remembered for a number; negative if nothing.</summary>
    public int Get(long number)
    {
        long[]? entries = Volatile.Read(ref _entries);
        if (entries is null)
        {
            return -1;
        }

        // An entry carries its number, one more so that an empty one belongs to none.
        long value = Volatile.Read(ref entries[(int)number & (entries.Length - 1)]);
        return value >> LevelBits == number + 1 ? (int)value & MaxLevel : -1;
    }

    /// <summary>Remembers a level; a negative one is not remembered.</summary>
    public void Set(long number, int level)
    {
        if (level >= 0)
        {
            long[] entries = _entries ?? Interlocked.CompareExchange(ref _entries, new long[_count], null) ?? _entries;
            Volatile.Write(ref entries[(int)number & (entries.Length - 1)], ((number + 1) << LevelBits) | (long)level);
        }
    }
}
